// A picture of the last seconds of sound, newest at the right, with the words
// that were heard above it.

import { PowerSpectrum } from "./fft.js";

const SECONDS = 8;
const SIZE = 512;
const HOP = 256;
const FLOOR_DB = -60;
const RANGE_DB = 80;
const TEXT_ROWS = 24; // CSS pixels

// From dark to bright, as even to the eye as its ends allow.
const STOPS = [
  [10, 12, 40],
  [70, 20, 110],
  [170, 45, 100],
  [240, 120, 50],
  [255, 240, 160],
];

function color(share) {
  const at = Math.min(Math.max(share, 0), 0.9999) * (STOPS.length - 1);
  const [low, high] = [STOPS[Math.floor(at)], STOPS[Math.floor(at) + 1]];
  return low.map((value, i) => value + (high[i] - value) * (at % 1));
}

const COLORS = Array.from({ length: 256 }, (_, i) => color(i / 255));

export class Spectrogram {
  #canvas;
  #rate;
  #spectrum = new PowerSpectrum(SIZE);
  #power = new Float32Array(SIZE / 2);
  #image; // a column a hop, without words
  #rest = new Float32Array(0);
  #heard = []; // {time, label}
  #time = 0; // of the newest column, in seconds
  #waiting = false;

  constructor(canvas) {
    this.#canvas = canvas;
    this.begin(16000);
    new ResizeObserver(() => this.#show()).observe(canvas);
  }

  // Forgets what was heard; `rate` is of what comes.
  begin(rate) {
    this.#rate = rate;
    this.#image = new OffscreenCanvas(Math.ceil((SECONDS * rate) / HOP), SIZE / 2);
    const context = this.#image.getContext("2d");
    context.fillStyle = `rgb(${COLORS[0]})`;
    context.fillRect(0, 0, this.#image.width, this.#image.height);
    this.#rest = new Float32Array(SIZE - HOP);
    this.#heard = [];
    this.#time = 0;
    this.#show();
  }

  push(samples) {
    const sound = new Float32Array(this.#rest.length + samples.length);
    sound.set(this.#rest);
    sound.set(samples, this.#rest.length);
    const columns = Math.max(0, Math.floor((sound.length - SIZE) / HOP) + 1);
    this.#draw(sound, columns);
    this.#rest = sound.slice(columns * HOP);
    this.#time += (columns * HOP) / this.#rate;
    this.#show();
  }

  #draw(sound, columns) {
    const shown = Math.min(columns, this.#image.width);
    if (shown === 0) return;
    const rows = SIZE / 2;
    const news = new ImageData(shown, rows);
    for (let x = 0; x < shown; ++x) {
      this.#spectrum.of(sound, (columns - shown + x) * HOP, this.#power);
      for (let k = 0; k < rows; ++k) {
        const decibel = 10 * Math.log10(this.#power[k] + 1e-12);
        const share = (decibel - FLOOR_DB) / RANGE_DB;
        const [r, g, b] = COLORS[Math.round(255 * Math.min(Math.max(share, 0), 1))];
        news.data.set([r, g, b, 255], 4 * ((rows - 1 - k) * shown + x));
      }
    }
    const context = this.#image.getContext("2d");
    context.drawImage(this.#image, -shown, 0);
    context.putImageData(news, this.#image.width - shown, 0);
  }

  mark({ time, label }) {
    this.#heard.push({ time, label });
    this.#show();
  }

  // Draws once before the next picture of the page.
  #show() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#paint();
    });
  }

  #paint() {
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const context = this.#canvas.getContext("2d");
    context.scale(scale, scale);
    context.fillStyle = `rgb(${COLORS[0]})`;
    context.fillRect(0, 0, width, height);
    context.drawImage(this.#image, 0, TEXT_ROWS, width, height - TEXT_ROWS);
    context.fillStyle = "#fff";
    context.font = "600 14px system-ui, sans-serif";
    context.textAlign = "right";
    this.#heard = this.#heard.filter(({ time }) => time > this.#time - SECONDS);
    for (const { time, label } of this.#heard) {
      const x = width * (1 + (time - this.#time) / SECONDS);
      context.fillText(label, x, TEXT_ROWS - 7);
      context.fillRect(x, 0, 1, height);
    }
  }
}
