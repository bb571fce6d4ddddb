/* A compiled MobileNet. Made of src/lib.rs by cbindgen: `MNETC_BLESS=1 cargo test -p mobilenet-example-c`. */

#ifndef MOBILENET_H
#define MOBILENET_H

#include <stddef.h>
#include <stdint.h>

// Bytes of an image: rows of pixels of red, green and blue.
#define MOBILENET_IMAGE_LEN 49152

// Rows of an image.
#define MOBILENET_IMAGE_HEIGHT 128

// Pixels of a row.
#define MOBILENET_IMAGE_WIDTH 128

// Classes: the length of scores.
#define MOBILENET_CLASSES 1000

// Length of an embedding.
#define MOBILENET_EMBEDDING_LEN 256

// Bytes of working memory.
#define MOBILENET_SCRATCH_LEN 167552

// Alignment of working memory.
#define MOBILENET_SCRATCH_ALIGN 64

// What became of a call.
typedef enum MobilenetStatus {
  // All is well.
  MOBILENET_STATUS_OK = 0,
  // A pointer is null.
  MOBILENET_STATUS_NULL = 1,
  // The image has another length than `MOBILENET_IMAGE_LEN`.
  MOBILENET_STATUS_IMAGE_LENGTH = 2,
  // The working memory is shorter than `MOBILENET_SCRATCH_LEN`.
  MOBILENET_STATUS_SCRATCH_LENGTH = 3,
  // The working memory is not aligned to `MOBILENET_SCRATCH_ALIGN`.
  MOBILENET_STATUS_SCRATCH_ALIGNMENT = 4,
  // The output has another length than the function gives.
  MOBILENET_STATUS_OUTPUT_LENGTH = 5,
} MobilenetStatus;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Puts the probability of each class into `scores`.
//
// # Safety
//
// `image` must be readable for `image_len` bytes, `scratch` and `scores` writable for `scratch_len` bytes and `scores_len`
// floats; the three must not overlap, and no other thread may use `scratch` or `scores` during the call. Contents of
// `scratch` do not matter.
enum MobilenetStatus mobilenet_classify(const uint8_t *image,
                                        size_t image_len,
                                        uint8_t *scratch,
                                        size_t scratch_len,
                                        float *scores,
                                        size_t scores_len);

// Puts the score of each class, before softmax, into `scores`.
//
// # Safety
//
// As `mobilenet_classify`.
enum MobilenetStatus mobilenet_logits(const uint8_t *image,
                                      size_t image_len,
                                      uint8_t *scratch,
                                      size_t scratch_len,
                                      float *scores,
                                      size_t scores_len);

// Puts the pooled features, what the network sees before it is put into classes, into `embedding`.
//
// # Safety
//
// As `mobilenet_classify`.
enum MobilenetStatus mobilenet_embedding(const uint8_t *image,
                                         size_t image_len,
                                         uint8_t *scratch,
                                         size_t scratch_len,
                                         float *embedding,
                                         size_t embedding_len);

// Puts a class's name into `buffer`, cut off where that is too short, and ends it with a zero byte; where there is no such
// class the name is empty. Returns the length of the whole name.
//
// # Safety
//
// `buffer` must be writable for `len` bytes; where `len` is zero it is not used.
size_t mobilenet_label(size_t class_index,
                       char *buffer,
                       size_t len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MOBILENET_H */
