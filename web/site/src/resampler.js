// From one rate to another, as samples come: a band-limited interpolation whose
// kernel is a sinc under a Hann window. Between samples an output has one of
// `to / gcd` places, each with weights of its own.

const ZERO_CROSSINGS = 16;

function greatestDivisor(a, b) {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

export class Resampler {
  #up; // places between two inputs
  #down; // of them from one output to the next
  #cutoff; // of the input's band, what the output can have
  #reach; // inputs on each side of an output
  #weights = []; // of a place
  #history;
  #next; // places from the history's first input to the next output

  // Of rates in whole Hz.
  constructor(from, to) {
    const divisor = greatestDivisor(from, to);
    this.#up = to / divisor;
    this.#down = from / divisor;
    this.#cutoff = Math.min(1, to / from);
    this.#reach = Math.ceil(ZERO_CROSSINGS / this.#cutoff);
    // Silence before the beginning.
    this.#history = new Float32Array(this.#reach);
    this.#next = this.#reach * this.#up;
  }

  #weight(distance) {
    const x = distance * this.#cutoff;
    if (Math.abs(x) >= ZERO_CROSSINGS) return 0;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / ZERO_CROSSINGS);
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    return this.#cutoff * sinc * window;
  }

  #weightsAt(place) {
    this.#weights[place] ??= Float32Array.from({ length: 2 * this.#reach + 1 }, (_, i) =>
      this.#weight(i - this.#reach - place / this.#up),
    );
    return this.#weights[place];
  }

  // Takes the next samples; returns those that can be told by now.
  push(samples) {
    if (this.#up === this.#down) return samples;
    const input = new Float32Array(this.#history.length + samples.length);
    input.set(this.#history);
    input.set(samples, this.#history.length);
    const output = [];
    for (;;) {
      const first = Math.floor(this.#next / this.#up) - this.#reach;
      const weights = this.#weightsAt(this.#next % this.#up);
      if (first + weights.length > input.length) {
        this.#history = input.slice(first);
        this.#next -= first * this.#up;
        return Float32Array.from(output);
      }
      let sum = 0;
      for (let i = 0; i < weights.length; ++i) sum += input[first + i] * weights[i];
      output.push(sum);
      this.#next += this.#down;
    }
  }
}
