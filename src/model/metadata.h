/* metadata.h - the strings of a model file: numbers as decimal text that reads back to the same bits in every locale.
 */
#ifndef FG_METADATA_H
#define FG_METADATA_H

#include "safetensors.h"

/* Strings to be written. A fixed list: a model has 7, a checkpoint 17. */
enum { FG_METADATA_ITEMS = 20, FG_METADATA_TEXT_BYTES = 32 };

typedef struct fg_metadata {
    size_t count;
    fg_metadata_out items[FG_METADATA_ITEMS];
    char texts[FG_METADATA_ITEMS][FG_METADATA_TEXT_BYTES]; /* of the numbers among them */
} fg_metadata;

/* Adds a string; key and value are borrowed. */
void fg_metadata_put(fg_metadata *metadata, const char *key, const char *value);
/* Adds a number as decimal digits, or with 17 significant digits ("nan" when it is not finite). */
void fg_metadata_put_count(fg_metadata *metadata, const char *key, uint64_t value);
void fg_metadata_put_double(fg_metadata *metadata, const char *key, double value);

/* Reads such a text; NULL (not in the file) gives 0 and NaN, which mean unknown. Errors: FORMAT names key and text. */
fgmm_status fg_metadata_get_count(uint64_t *value, const char *text, const char *key);
fgmm_status fg_metadata_get_double(double *value, const char *text, const char *key);

#endif
