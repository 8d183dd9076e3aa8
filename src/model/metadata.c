/* metadata.c - numbers to text and back, for a model file's strings. */
#include "metadata.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void fg_metadata_put(fg_metadata *metadata, const char *key, const char *value)
{
    assert(metadata->count < FG_METADATA_ITEMS);
    metadata->items[metadata->count++] = (fg_metadata_out){key, value};
}

void fg_metadata_put_count(fg_metadata *metadata, const char *key, uint64_t value)
{
    char *text = metadata->texts[metadata->count];
    snprintf(text, FG_METADATA_TEXT_BYTES, "%llu", (unsigned long long)value);
    fg_metadata_put(metadata, key, text);
}

void fg_metadata_put_double(fg_metadata *metadata, const char *key, double value)
{
    char printed[FG_METADATA_TEXT_BYTES];
    char *text = metadata->texts[metadata->count], *to = text;
    snprintf(printed, sizeof printed, "%.17g", value);
    /* The application's locale may print another, even longer, decimal point. */
    for (const char *from = printed; *from; from++) {
        const int is_number = strchr("0123456789+-e", *from) != NULL;
        if (is_number || to == text || to[-1] != '.') *to++ = is_number ? *from : '.';
    }
    *to = 0;
    fg_metadata_put(metadata, key, isfinite(value) ? text : "nan");
}

fgmm_status fg_metadata_get_count(uint64_t *value, const char *text, const char *key)
{
    fgmm_status status = FGMM_OK;
    *value = 0;
    if (!text) return FGMM_OK;
    uint64_t read = 0;
    int is_number = *text != 0;
    for (const char *at = text; is_number && *at; at++) {
        const uint64_t digit = (uint64_t)(*at - '0');
        is_number = *at >= '0' && *at <= '9' && read <= (UINT64_MAX - digit) / 10;
        read = read * 10 + digit;
    }
    FG_CHECK(is_number, FGMM_FORMAT, "%s \"%.32s\"; need a whole number of 0..2^64-1", key, text);
    *value = read;
done:
    return status;
}

fgmm_status fg_metadata_get_double(double *value, const char *text, const char *key)
{
    fgmm_status status = FGMM_OK;
    cJSON *number = NULL;
    *value = (double)NAN;
    if (!text || strcmp(text, "nan") == 0) return FGMM_OK;
    number = cJSON_ParseWithOpts(text, NULL, 1); /* decimal point in every locale; the whole text */
    FG_CHECK(cJSON_IsNumber(number) && isfinite(number->valuedouble), FGMM_FORMAT,
             "%s \"%.32s\"; need a finite number or nan", key, text);
    *value = number->valuedouble;
done:
    cJSON_Delete(number);
    return status;
}
