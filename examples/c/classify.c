/* What a photo shows: `classify PIXELS`, a file of 128 x 128 pixels, three bytes each. No memory is allocated. */
#include "mobilenet.h"

#include <stdio.h>

static uint8_t image[MOBILENET_IMAGE_LEN + 1];
static _Alignas(MOBILENET_SCRATCH_ALIGN) uint8_t scratch[MOBILENET_SCRATCH_LEN];
static float scores[MOBILENET_CLASSES];

static size_t best_class(void) {
    size_t best = 0;
    for (size_t i = 1; i < MOBILENET_CLASSES; i++) {
        if (scores[i] > scores[best]) best = i;
    }
    return best;
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: classify PIXELS\n");
        return 2;
    }
    /* One byte more than there should be, so that a file that is too long has another length too. */
    size_t len = fread(image, 1, sizeof image, file);
    fclose(file);

    MobilenetStatus status =
        mobilenet_classify(image, len, scratch, sizeof scratch, scores, MOBILENET_CLASSES);
    if (status == MOBILENET_STATUS_IMAGE_LENGTH) {
        fprintf(stderr, "%s is no image of %d bytes\n", argv[1], MOBILENET_IMAGE_LEN);
        return 1;
    }
    if (status != MOBILENET_STATUS_OK) {
        fprintf(stderr, "status %d\n", (int)status);
        return 1;
    }
    for (int i = 0; i < 5; i++) {
        char name[64];
        size_t best = best_class();
        mobilenet_label(best, name, sizeof name);
        printf("%5.1f %%  %s\n", 100.0 * scores[best], name);
        scores[best] = 0;
    }
    return 0;
}
