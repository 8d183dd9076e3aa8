/* bin.c - .fbin, .u8bin, .i8bin: uint32 N, uint32 D, then N rows (float32, uint8, int8). docs/formats.md. */
#include "dense.h"
#include "formats.h"

enum { BIN_HEADER_BYTES = 8 };

static fgmm_status bin_open(fgmm_source **source, fg_input *input, fgmm_type type, const char *format)
{
    fgmm_status status = FGMM_OK;
    uint32_t header[2]; /* N, D */
    *source = NULL;
    FG_CHECK(input->size >= BIN_HEADER_BYTES, FGMM_FORMAT,
             "%s: byte offset %llu: the file ends within its header of %d bytes", input->path,
             (unsigned long long)input->size, BIN_HEADER_BYTES);
    FG_TRY(fg_input_read_at(input, 0, header, sizeof header));
    const fg_dense_layout layout = {
        .rows = header[0], .dims = header[1], .element = fg_element_of_type(type), .offset = BIN_HEADER_BYTES};
    return fg_dense_open(source, input, &layout, format);
done:
    fg_input_close(input);
    return status;
}

fgmm_status fg_fbin_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    (void)options;
    return bin_open(source, input, FGMM_F32, "fbin");
}

fgmm_status fg_u8bin_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    (void)options;
    return bin_open(source, input, FGMM_U8, "u8bin");
}

fgmm_status fg_i8bin_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    (void)options;
    return bin_open(source, input, FGMM_I8, "i8bin");
}
