// The page: what its controls do, and what it shows of a listener's events.
//
// Every decision is a "decision" event of the document, too, for who looks on:
// {time, delta, logits, probabilities}.

import { Listener } from "./listener.js";
import { Microphone } from "./microphone.js";
import { Cost, Heard, Words } from "./readings.js";
import { readRecording } from "./recording.js";
import { Spectrogram } from "./spectrogram.js";

const FIRST_MODEL = "bifsmn_stream-sc12";

const at = (id) => document.getElementById(id);
const listener = new Listener();
const spectrogram = new Spectrogram(at("spectrogram"));
const words = new Words(at("words"));
const heard = new Heard(at("heard"));
const cost = new Cost({
  decisions: at("decisions"),
  seconds: at("seconds"),
  microseconds: at("microseconds"),
});

let model; // as the worker tells it, or undefined
let microphone;
let named; // what is loaded or heard

function say(text) {
  at("state").textContent = text;
}

function fail(message) {
  at("error").textContent = message;
}

// Runs an action of the user's; what goes wrong is one line.
async function attempt(action) {
  fail("");
  try {
    await action();
  } catch (error) {
    fail(error.message);
  }
}

function begin() {
  listener.reset();
  spectrogram.begin(model.sampleRate);
  heard.begin();
  cost.begin();
}

function stop() {
  microphone?.close();
  microphone = undefined;
  at("listen").textContent = "Listen";
}

function take(samples) {
  spectrogram.push(samples);
  listener.push(samples);
}

async function listen() {
  if (microphone) {
    stop();
    say(`${named}: stopped`);
    return;
  }
  say("Waiting for the microphone…");
  try {
    begin();
    microphone = await Microphone.open(model.sampleRate, take, () => {
      stop();
      fail("the microphone went away: plug it in and listen again");
    });
  } catch (error) {
    say(named);
    throw error;
  }
  at("listen").textContent = "Stop";
  say(`${named} listens`);
}

async function hear(file) {
  const sound = await readRecording(file, model.sampleRate);
  stop();
  begin();
  say(`Hearing ${file.name}…`);
  for (let start = 0; start < sound.length; start += model.sampleRate) {
    take(sound.slice(start, start + model.sampleRate));
  }
  listener.flush();
}

async function load(name, content) {
  stop();
  say(`Loading ${name}…`);
  const previous = named;
  named = name;
  try {
    listener.load(await content);
  } catch (error) {
    named = previous;
    throw error;
  }
}

async function fetchModel(name) {
  const found = await fetch(`models/${name}.tflite`);
  if (!found.ok) throw new Error(`${name} is not on the server: make web copies it`);
  return found.arrayBuffer();
}

async function open(file) {
  if (file.name.endsWith(".tflite")) return load(file.name, file.arrayBuffer());
  if (model === undefined) throw new Error("there is no model yet to hear it");
  return hear(file);
}

function showDelta() {
  const delta = model.deltas[at("delta").value];
  at("delta-value").textContent = delta;
  at("delta").setAttribute("aria-valuetext", `delta ${delta}`);
  return delta;
}

listener.addEventListener("loaded", ({ detail }) => {
  model = detail;
  at("delta").max = model.deltas.length - 1;
  at("delta").value = 0;
  showDelta();
  words.begin(model.labels);
  begin();
  at("listen").disabled = false;
  say(`${named}: ${model.labels.length} classes, a decision every ${(1000 * model.step) / model.sampleRate} ms`);
});

listener.addEventListener("decided", ({ detail }) => {
  for (const decision of detail.decisions) {
    document.dispatchEvent(new CustomEvent("decision", { detail: decision }));
  }
  const newest = detail.decisions.at(-1);
  if (newest) words.show(newest.probabilities);
  for (const detection of detail.detections) {
    heard.add(detection);
    spectrogram.mark(detection);
  }
  cost.add(detail);
});

listener.addEventListener("ended", () => {
  const count = at("heard").children.length;
  say(`${named}: ${count === 1 ? "1 word" : `${count} words`} heard`);
});

listener.addEventListener("failed", ({ detail }) => {
  stop();
  say("");
  fail(detail.of === "load" ? `${named}: ${detail.message}` : detail.message);
});

at("listen").addEventListener("click", () => attempt(listen));
at("model").addEventListener("change", ({ target }) =>
  attempt(() => load(target.value, fetchModel(target.value))),
);
at("delta").addEventListener("input", () => {
  listener.setDelta(showDelta());
  cost.begin();
});
at("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) attempt(() => open(file));
  target.value = ""; // the same one may be chosen again
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const [file] = event.dataTransfer.files;
  if (file) attempt(() => open(file));
});

attempt(async () => {
  const names = await (await fetch("models/models.json")).json();
  at("model").replaceChildren(...names.map((name) => new Option(name)));
  at("model").value = FIRST_MODEL;
  await load(FIRST_MODEL, fetchModel(FIRST_MODEL));
});
