// The spotter's own thread, so that neither waits for the page nor the page for
// it. Messages come in {type, ...} and are answered by `answer`.

import { Engine } from "./engine.js";
import { Spotter } from "./spotter.js";

let engine;
let spotter;

function answer(type, content = {}) {
  postMessage({ type, ...content });
}

// Runs what gives decisions, and tells them with the time that they took.
function decide(samples, run) {
  const began = performance.now();
  const news = run();
  const microseconds = 1000 * (performance.now() - began);
  answer("decided", { ...news, seconds: samples / spotter.sampleRate, microseconds });
}

const HANDLERS = {
  async load({ model }) {
    engine ??= await Engine.compile(await fetch(new URL("../bifsmn.wasm", import.meta.url)));
    const next = new Spotter(engine, new Uint8Array(model));
    spotter?.destroy();
    spotter = next;
    const { labels, deltas, sampleRate, step, metadata } = spotter;
    answer("loaded", { labels, deltas, sampleRate, step, metadata });
  },
  delta({ delta }) {
    spotter.setDelta(delta);
  },
  reset() {
    spotter.reset();
    answer("began");
  },
  push({ samples }) {
    decide(samples.length, () => spotter.push(samples));
  },
  flush() {
    decide(0, () => spotter.flush());
    answer("ended");
  },
};

// One after the other, as they came: loading waits.
let last = Promise.resolve();
onmessage = ({ data }) => {
  last = last
    .then(() => HANDLERS[data.type](data))
    .catch((error) => answer("failed", { message: error.message, of: data.type }));
};
