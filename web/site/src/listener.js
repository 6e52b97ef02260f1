// The page's side of the worker: a model that listens.

export class Listener extends EventTarget {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

  // Gives the events "loaded", "began", "decided", "ended" and "failed", each
  // with what the worker says in `detail`.
  constructor() {
    super();
    this.#worker.onmessage = ({ data }) => this.#tell(data.type, data);
    this.#worker.onerror = () => {
      const message = "the page's files cannot be loaded: serve build/web, and open it by http";
      this.#tell("failed", { message });
    };
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // Takes the bytes of a .tflite.
  load(model) {
    this.#worker.postMessage({ type: "load", model });
  }

  setDelta(delta) {
    this.#worker.postMessage({ type: "delta", delta });
  }

  // What comes next is the beginning of a stream.
  reset() {
    this.#worker.postMessage({ type: "reset" });
  }

  // Takes samples at the model's rate.
  push(samples) {
    this.#worker.postMessage({ type: "push", samples });
  }

  // The stream was a recording, which ends here.
  flush() {
    this.#worker.postMessage({ type: "flush" });
  }
}
