// From the power in mel bands to features.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_DECIBEL_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_DECIBEL_H_

namespace bifsmn {

struct DecibelParameters {
  // Least power before the logarithm.
  float floor;
  // Of the features that the network was trained on, in dB.
  float mean;
  float inverse_std;
};

// Writes (10 log10(max(power, floor)) - mean) * inverse_std, to 1e-5 dB, for
// `count` bands. What is not a number counts as silence, and infinity as the
// largest number.
void NormalizedDecibel(const float* power, int count,
                       const DecibelParameters& parameters, float* features);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_DECIBEL_H_
