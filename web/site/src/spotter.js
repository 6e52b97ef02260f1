// A spotter of bifsmn.h: sound in, decisions and detections out.

const ERROR_BYTES = 512;
const DETECTION_BYTES = 24; // double time; int label; double probability

export class Spotter {
  #engine;
  #handle;
  #samples;
  #detection;

  // Takes the bytes of a .tflite; throws an Error with the library's message.
  constructor(engine, model) {
    this.#engine = engine;
    const c = engine.exports;
    const content = engine.allocate(Math.max(model.length, 1));
    const error = engine.allocate(ERROR_BYTES);
    engine.bytes(content, model.length).set(model);
    this.#handle = c.bifsmn_spotter_from_memory(content, model.length, 0, error, ERROR_BYTES);
    const message = engine.text(error);
    engine.free(content);
    engine.free(error);
    if (this.#handle === 0) throw new Error(message);
    this.sampleRate = c.bifsmn_spotter_sample_rate(this.#handle);
    this.step = c.bifsmn_spotter_step(this.#handle);
    this.labels = this.#list("labels", (i) => engine.text(c.bifsmn_spotter_label(this.#handle, i)));
    this.deltas = this.#list("deltas", (i) => c.bifsmn_spotter_delta(this.#handle, i));
    this.metadata = JSON.parse(engine.text(c.bifsmn_spotter_metadata(this.#handle)));
    this.#samples = engine.allocate(this.step * Float32Array.BYTES_PER_ELEMENT);
    this.#detection = engine.allocate(DETECTION_BYTES);
  }

  #list(name, element) {
    const count = this.#engine.exports[`bifsmn_spotter_${name}`](this.#handle);
    return Array.from({ length: count }, (_, i) => element(i));
  }

  setDelta(delta) {
    if (this.#engine.exports.bifsmn_spotter_set_delta(this.#handle, delta) !== 0) {
      throw new Error(`the model has no delta ${delta}`);
    }
  }

  // Takes floats in [-1, 1]; returns {decisions, detections} that they led to.
  push(samples) {
    const c = this.#engine.exports;
    const news = { decisions: [], detections: [] };
    // So few that there is one decision at most.
    for (let start = 0; start < samples.length; start += this.step) {
      const piece = samples.subarray(start, start + this.step);
      this.#engine.floats(this.#samples, piece.length).set(piece);
      this.#collect(news, () => {
        const taken = c.bifsmn_spotter_push_float(this.#handle, this.#samples, piece.length);
        if (taken !== piece.length) throw new Error("the sound has samples that are no numbers");
      });
    }
    return news;
  }

  // Ends a recording: the decision on what does not fill a step.
  flush() {
    const news = { decisions: [], detections: [] };
    this.#collect(news, () => this.#engine.exports.bifsmn_spotter_flush(this.#handle));
    return news;
  }

  #collect(news, run) {
    const engine = this.#engine;
    const c = engine.exports;
    const before = c.bifsmn_spotter_decisions(this.#handle);
    run();
    const decisions = c.bifsmn_spotter_decisions(this.#handle);
    if (decisions !== before) {
      const floats = (address) => engine.floats(address, this.labels.length).slice();
      news.decisions.push({
        time: (Number(decisions) * this.step) / this.sampleRate,
        delta: c.bifsmn_spotter_deciding_delta(this.#handle),
        logits: floats(c.bifsmn_spotter_logits(this.#handle)),
        probabilities: floats(c.bifsmn_spotter_probabilities(this.#handle)),
      });
    }
    while (c.bifsmn_spotter_poll(this.#handle, this.#detection) !== 0) {
      const view = engine.view();
      news.detections.push({
        time: view.getFloat64(this.#detection, true),
        label: this.labels[view.getInt32(this.#detection + 8, true)],
        probability: view.getFloat64(this.#detection + 16, true),
      });
    }
  }

  // Forgets the stream: the next sample is the first of another one.
  reset() {
    this.#engine.exports.bifsmn_spotter_reset(this.#handle);
  }

  destroy() {
    this.#engine.exports.bifsmn_spotter_destroy(this.#handle);
    this.#engine.free(this.#samples);
    this.#engine.free(this.#detection);
  }
}
