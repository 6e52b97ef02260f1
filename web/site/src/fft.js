// The power of the frequencies of real samples.

export class PowerSpectrum {
  #size;
  #window;
  #cosines;
  #sines;
  #reversed;
  #real;
  #imaginary;

  // `size` samples under a Hann window; a power of 2.
  constructor(size) {
    const angles = Array.from({ length: size }, (_, i) => (2 * Math.PI * i) / size);
    this.#size = size;
    this.#window = Float32Array.from(angles, (angle) => 0.5 - 0.5 * Math.cos(angle));
    this.#cosines = Float32Array.from(angles, Math.cos);
    this.#sines = Float32Array.from(angles, Math.sin);
    this.#reversed = new Uint32Array(size);
    for (let i = 1; i < size; ++i) {
      this.#reversed[i] = (this.#reversed[i >> 1] >> 1) | (i & 1 ? size >> 1 : 0);
    }
    this.#real = new Float32Array(size);
    this.#imaginary = new Float32Array(size);
  }

  // Writes power[size / 2] of samples[start, start + size).
  of(samples, start, power) {
    const [re, im] = [this.#real, this.#imaginary];
    for (let i = 0; i < this.#size; ++i) {
      const from = this.#reversed[i];
      re[i] = samples[start + from] * this.#window[from];
      im[i] = 0;
    }
    for (let half = 1; half < this.#size; half *= 2) {
      const stride = this.#size / (2 * half);
      for (let block = 0; block < this.#size; block += 2 * half) {
        for (let k = 0; k < half; ++k) {
          const [a, b] = [block + k, block + k + half];
          const [c, s] = [this.#cosines[k * stride], this.#sines[k * stride]];
          const real = re[b] * c + im[b] * s;
          const imaginary = im[b] * c - re[b] * s;
          re[b] = re[a] - real;
          im[b] = im[a] - imaginary;
          re[a] += real;
          im[a] += imaginary;
        }
      }
    }
    for (let k = 0; k < power.length; ++k) power[k] = re[k] ** 2 + im[k] ** 2;
  }
}
