// The microphone, as mono samples at a model's rate.

import { Resampler } from "./resampler.js";

const REASONS = {
  NotAllowedError: "the page may not use the microphone: allow it in the address bar",
  NotFoundError: "no microphone was found: plug one in, or open a recording",
  NotReadableError: "the microphone is in use by another program",
};

// Where the browser converts rates by itself, it does; some refuse to join a
// microphone to a context of another rate.
function join(stream, rate) {
  const context = new AudioContext({ sampleRate: rate });
  try {
    return { context, source: context.createMediaStreamSource(stream) };
  } catch {
    context.close();
  }
  const own = new AudioContext();
  return { context: own, source: own.createMediaStreamSource(stream) };
}

export class Microphone {
  #stream;
  #context;

  // Calls take(samples) as they come, and lost() if the device goes away.
  // Throws an Error that says what to do.
  static async open(rate, take, lost) {
    if (navigator.mediaDevices === undefined) {
      throw new Error("browsers give the microphone to https and to localhost alone");
    }
    const microphone = new Microphone();
    try {
      microphone.#stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `no microphone: ${error.message}`);
    }
    try {
      await microphone.#start(rate, take, lost);
    } catch (error) {
      microphone.close();
      throw error;
    }
    return microphone;
  }

  async #start(rate, take, lost) {
    const { context, source } = join(this.#stream, rate);
    this.#context = context;
    await context.audioWorklet.addModule(new URL("./capture_worklet.js", import.meta.url));
    const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    const resampler = new Resampler(context.sampleRate, rate);
    capture.port.onmessage = ({ data }) => take(resampler.push(data));
    source.connect(capture);
    this.#stream.getAudioTracks()[0].onended = lost;
    await context.resume();
  }

  close() {
    for (const track of this.#stream.getTracks()) track.stop();
    this.#context?.close();
  }
}
