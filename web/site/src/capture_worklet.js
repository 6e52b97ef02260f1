// Hands on the microphone's samples, some at a time. It is heard nowhere.

const BATCH = 1024;

class Capture extends AudioWorkletProcessor {
  #batch = new Float32Array(BATCH);
  #filled = 0;

  process([input]) {
    const [channel] = input;
    if (channel === undefined) return true;
    const mix = channel.slice();
    for (const other of input.slice(1)) {
      for (let i = 0; i < mix.length; ++i) mix[i] += other[i];
    }
    for (const sample of mix) {
      this.#batch[this.#filled++] = sample / input.length;
      if (this.#filled === BATCH) {
        this.port.postMessage(this.#batch);
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
