/* places.c - behind places.h. */
#include "places.h"

cli_places cli_places_begin(const fgmm_source *source)
{
    fgmm_source_info info = fgmm_source_info_init();
    fgmm_source_describe(source, &info);
    return (cli_places){source, 0, info.skipped_rows};
}

uint64_t cli_places_next(cli_places *places, uint64_t *skipped)
{
    *skipped = 0;
    for (; places->left > 0 && fgmm_source_is_skipped(places->source, places->row); places->row++, places->left--)
        ++*skipped;
    return places->row++;
}

static fgmm_status append_fill(fgmm_writer *writer, const void *fill, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    for (; count > 0 && status == FGMM_OK; count--) status = fgmm_writer_append(writer, fill, 1);
    return status;
}

fgmm_status cli_places_append(cli_places *places, fgmm_writer *writer, const void *results, size_t bytes, uint64_t n,
                              const void *fill)
{
    fgmm_status status = FGMM_OK;
    const char *from = results;
    for (; n > 0 && places->left > 0 && status == FGMM_OK; n--, from += bytes) {
        uint64_t skipped;
        cli_places_next(places, &skipped);
        status = append_fill(writer, fill, skipped);
        if (status == FGMM_OK) status = fgmm_writer_append(writer, from, 1);
    }
    if (status != FGMM_OK) return status;
    places->row += n;
    return fgmm_writer_append(writer, from, n);
}

fgmm_status cli_places_finish(cli_places *places, fgmm_writer *writer, const void *fill)
{
    const uint64_t count = places->left;
    places->left = 0;
    places->row += count;
    return append_fill(writer, fill, count);
}
