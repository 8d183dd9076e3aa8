/* hdf5.c - one dataset of an HDF5 file, read in slabs of rows. docs/formats.md.
 *
 * libhdf5 does the reading; hdf5_file.c chooses what may be read and bounds its memory. Without libhdf5 only the
 * refusal at the end is built. */
#include "formats.h"

#ifdef FG_HAS_HDF5
#include "dense.h"
#include "hdf5_file.h"
#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a turned matrix that is read at once, at least a row. */
enum { SLAB_BYTES = 4 << 20 };

typedef struct hdf5_rows {
    fg_input *input; /* its path */
    char *name;      /* of the dataset */
    fg_hdf5_dataset data;
    hid_t memory_type;
    size_t element; /* bytes in memory */
    uint64_t position, slab_rows;
    unsigned char *slab; /* (dims, slab_rows) of a turned matrix */
} hdf5_rows;

static void hdf5_close(void *self)
{
    hdf5_rows *hdf5 = self;
    fg_hdf5_guard guard;
    fg_hdf5_enter(&guard);
    if (hdf5->memory_type >= 0) H5Tclose(hdf5->memory_type);
    fg_hdf5_close_file(&hdf5->data);
    fg_hdf5_leave(&guard);
    fg_input_close(hdf5->input);
    free(hdf5->name);
    free(hdf5->slab);
    free(hdf5);
}

static fgmm_status hdf5_rewind(void *self)
{
    ((hdf5_rows *)self)->position = 0;
    return FGMM_OK;
}

/* n rows from the present one on, as they lie in the file: (n,dims), or (dims,n) of a turned matrix. */
static fgmm_status read_slab(const hdf5_rows *hdf5, uint64_t first, void *to, uint64_t n)
{
    const fg_hdf5_dataset *d = &hdf5->data;
    char why[FG_HDF5_REASON_BYTES];
    hsize_t start[2] = {first, 0}, count[2] = {n, d->dims};
    if (d->is_turned) {
        start[0] = 0, start[1] = first;
        count[0] = d->dims, count[1] = n;
    }
    const hid_t file_space = H5Dget_space(d->dataset), memory_space = H5Screate_simple(d->rank, count, NULL);
    herr_t result = H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL);
    if (result >= 0) result = H5Dread(d->dataset, hdf5->memory_type, memory_space, file_space, H5P_DEFAULT, to);
    if (result < 0) fg_hdf5_reason(why);
    H5Sclose(memory_space);
    H5Sclose(file_space);
    if (result >= 0) return FGMM_OK;
    return fg_fail(FGMM_FORMAT, "%s: rows %llu to %llu cannot be read: %s", d->path, (unsigned long long)first,
                   (unsigned long long)(first + n - 1), why);
}

static fgmm_status read_turned(const hdf5_rows *hdf5, unsigned char *rows, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    const uint64_t dims = hdf5->data.dims;
    const size_t element = hdf5->element;
    for (uint64_t i = 0, part; i < n; i += part) {
        part = fg_min_u64(hdf5->slab_rows, n - i);
        FG_TRY(read_slab(hdf5, hdf5->position + i, hdf5->slab, part));
        unsigned char *to = rows + i * dims * element;
        for (uint64_t row = 0; row < part; row++)
            for (uint64_t c = 0; c < dims; c++, to += element)
                memcpy(to, hdf5->slab + (c * part + row) * element, element);
    }
done:
    return status;
}

/* Integers of 64 bits come as such, since libhdf5 would round them. */
static fgmm_status to_float64(const hdf5_rows *hdf5, void *rows, uint64_t n)
{
    const fg_hdf5_dataset *d = &hdf5->data;
    const fg_dense_layout layout = {.dims = d->dims, .element = d->element};
    const size_t count = (size_t)(n * d->dims);
    if (d->element.kind == FG_FLOAT || d->element.bytes < 8) return FGMM_OK;
    const size_t good = fg_element_convert(rows, rows, count, d->element);
    if (good == count) return FGMM_OK;
    return fg_dense_refuse(&layout, d->path, hdf5->position, good, (unsigned char *)rows + good * 8);
}

static fgmm_status hdf5_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    fgmm_status status = FGMM_OK;
    hdf5_rows *hdf5 = self;
    const uint64_t n = fg_min_u64(capacity, hdf5->data.rows - hdf5->position);
    if (n == 0) return FGMM_OK;
    fg_hdf5_guard guard;
    fg_hdf5_enter(&guard);
    status = hdf5->data.is_turned ? read_turned(hdf5, rows, n) : read_slab(hdf5, hdf5->position, rows, n);
    fg_hdf5_leave(&guard);
    FG_TRY(status);
    FG_TRY(to_float64(hdf5, rows, n));
    hdf5->position += n;
    *count = n;
done:
    return status;
}

static const fg_source_kind hdf5_kind = {hdf5_rewind, hdf5_next, hdf5_close, NULL};

/* ---- opening ---- */

/* What libhdf5 converts elements to, their byte order too: all of them exactly. binary16, which it has no name for, is
 * the file's own type in our order. */
static hid_t memory_type_of(const fg_hdf5_dataset *d)
{
    const int is_signed = d->element.kind == FG_SIGNED;
    if (d->element.kind != FG_FLOAT) {
        switch (d->element.bytes) {
        case 1:
            return H5Tcopy(is_signed ? H5T_NATIVE_INT8 : H5T_NATIVE_UINT8);
        case 2:
            return H5Tcopy(H5T_NATIVE_FLOAT);
        case 4:
            return H5Tcopy(H5T_NATIVE_DOUBLE);
        default:
            return H5Tcopy(is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64);
        }
    }
    if (d->element.bytes == 4) return H5Tcopy(H5T_NATIVE_FLOAT);
    if (d->element.bytes == 8) return H5Tcopy(H5T_NATIVE_DOUBLE);
    const hid_t type = H5Dget_type(d->dataset);
    H5Tset_order(type, H5T_ORDER_LE);
    return type;
}

static fgmm_status open_inside(hdf5_rows *hdf5)
{
    fgmm_status status = FGMM_OK;
    fg_hdf5_guard guard;
    fg_hdf5_enter(&guard);
    FG_TRY(fg_hdf5_open_file(&hdf5->data, hdf5->input->path, hdf5->name));
    hdf5->memory_type = memory_type_of(&hdf5->data);
    FG_CHECK(hdf5->memory_type >= 0, FGMM_MEMORY, "%s: dataset \"%s\": no room for its type", hdf5->input->path,
             hdf5->name);
done:
    fg_hdf5_leave(&guard);
    return status;
}

fgmm_status fg_hdf5_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    const char *name = options->dataset ? options->dataset : "train";
    fgmm_source_info info = fgmm_source_info_init();
    hdf5_rows *hdf5;
    size_t bytes;
    *source = NULL;
    fgmm_status status = FG_ALLOC(&hdf5, 1, "source");
    if (status != FGMM_OK) {
        fg_input_close(input);
        return status;
    }
    *hdf5 = (hdf5_rows){.input = input, .memory_type = H5I_INVALID_HID};
    hdf5->data.file = hdf5->data.dataset = H5I_INVALID_HID;
    FG_TRY(FG_ALLOC(&hdf5->name, strlen(name) + 1, "name of a dataset"));
    strcpy(hdf5->name, name);
    FG_TRY(open_inside(hdf5));
    info.rows = hdf5->data.rows;
    info.dims = hdf5->data.dims;
    info.type = fg_element_row_type(hdf5->data.element);
    snprintf(info.format, sizeof info.format, "hdf5");
    hdf5->element = fgmm_type_bytes(info.type);
    hdf5->slab_rows = fg_max_u64(1, SLAB_BYTES / hdf5->element / info.dims);
    FG_TRY(fg_size_product3(&bytes, hdf5->slab_rows, info.dims, hdf5->element, "rows of a turned matrix"));
    if (hdf5->data.is_turned) FG_TRY(FG_ALLOC(&hdf5->slab, bytes, "rows of a turned matrix"));
    return fg_source_create(source, &hdf5_kind, hdf5, &info);
done:
    hdf5_close(hdf5);
    return status;
}

#else

fgmm_status fg_hdf5_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    (void)options;
    *source = NULL;
    fgmm_status status = fg_fail(FGMM_UNSUPPORTED, "%s: HDF5 is not built into this library", input->path);
    fg_input_close(input);
    return status;
}

#endif
