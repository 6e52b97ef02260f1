/* Prints the keywords in raw sound from standard input: 16-bit samples, mono,
 * at the model's rate.
 *
 *     arecord -q -f S16_LE -r 16000 -c 1 -t raw | ./spot
 * bifsmn_stream-sc12.tflite
 *
 * A second argument is the depth, such as 4.
 */

#include <bifsmn.h>
#include <stdio.h>
#include <stdlib.h>

static void print_detections(bifsmn_spotter* spotter) {
  bifsmn_detection found;
  while (bifsmn_spotter_poll(spotter, &found)) {
    printf("%.3f s  %s  %.3f\n", found.time,
           bifsmn_spotter_label(spotter, found.label), found.probability);
    fflush(stdout);
  }
}

int main(int argc, char** argv) {
  char error[256];
  int16_t samples[512];
  size_t count;
  bifsmn_options options = bifsmn_default_options();
  bifsmn_spotter* spotter;

  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: %s MODEL.tflite [DELTA] < sound.raw\n", argv[0]);
    return 2;
  }
  if (argc == 3) options.delta = atoi(argv[2]);
  spotter = bifsmn_spotter_from_file(argv[1], &options, error, sizeof(error));
  if (spotter == NULL) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  fprintf(stderr, "listens at %d Hz, decides every %.0f ms\n",
          bifsmn_spotter_sample_rate(spotter),
          1000.0 * bifsmn_spotter_step(spotter) /
              bifsmn_spotter_sample_rate(spotter));
  while ((count = fread(samples, sizeof(samples[0]),
                        sizeof(samples) / sizeof(samples[0]), stdin)) > 0) {
    size_t taken = 0;
    while (taken < count) {
      taken +=
          bifsmn_spotter_push_int16(spotter, samples + taken, count - taken);
      print_detections(spotter);
    }
  }
  bifsmn_spotter_flush(spotter);
  print_detections(spotter);
  bifsmn_spotter_destroy(spotter);
  return 0;
}
