/* npy.c - the header of NumPy's .npy files (numbers and bool, 1-D or 2-D). docs/formats.md.
 *
 * The header is a Python dictionary literal: {'descr': '<f4', 'fortran_order': False, 'shape': (100, 8), }. The parser
 * takes exactly this form, the keys in any order. */
#include "npy.h"

#include "formats.h"
#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct cursor {
    const char *path;
    const char *text; /* (length), then 0 */
    size_t length, at;
    uint64_t offset; /* of text[0] in the file */
} cursor;

typedef struct header {
    char descr[16];
    int is_fortran;
    uint64_t shape[3];
    unsigned shape_count; /* as written, also above 3 */
    unsigned seen;        /* bit per key of the table below */
} header;

static fgmm_status bad(const cursor *c, const char *reason)
{
    return fg_fail(FGMM_FORMAT, "%s: byte offset %llu: the header is damaged: %s", c->path,
                   (unsigned long long)(c->offset + c->at), reason);
}

static void skip_spaces(cursor *c)
{
    while (c->at < c->length && strchr(" \t\r\n", c->text[c->at]) && c->text[c->at]) c->at++;
}

/* Takes `token` when it comes next; 1 when it did. */
static int accept(cursor *c, const char *token)
{
    skip_spaces(c);
    const size_t length = strlen(token);
    if (c->length - c->at < length || memcmp(c->text + c->at, token, length) != 0) return 0;
    c->at += length;
    return 1;
}

/* A quoted string without escapes, at most capacity - 1 bytes. */
static fgmm_status parse_string(cursor *c, char *text, size_t capacity, const char *what)
{
    const char *quote = accept(c, "'") ? "'" : accept(c, "\"") ? "\"" : NULL;
    if (!quote) return bad(c, what);
    size_t used = 0;
    while (c->at < c->length && c->text[c->at] != *quote) {
        if (used + 1 >= capacity) return bad(c, what);
        text[used++] = c->text[c->at++];
    }
    text[used] = 0;
    return accept(c, quote) ? FGMM_OK : bad(c, "a string does not end");
}

static fgmm_status parse_descr(cursor *c, header *h)
{
    skip_spaces(c);
    if (accept(c, "["))
        return fg_fail(FGMM_FORMAT, "%s: byte offset %llu: a structured type; need numbers of one type", c->path,
                       (unsigned long long)(c->offset + c->at - 1));
    return parse_string(c, h->descr, sizeof h->descr, "'descr' is no short string");
}

static fgmm_status parse_order(cursor *c, header *h)
{
    h->is_fortran = accept(c, "True");
    if (!h->is_fortran && !accept(c, "False")) return bad(c, "'fortran_order' is neither True nor False");
    return FGMM_OK;
}

static fgmm_status parse_shape(cursor *c, header *h)
{
    if (!accept(c, "(")) return bad(c, "'shape' is no tuple");
    while (!accept(c, ")")) {
        if (accept(c, "-")) return bad(c, "'shape' holds a negative number");
        uint64_t value = 0;
        const size_t begin = c->at;
        for (; c->at < c->length && c->text[c->at] >= '0' && c->text[c->at] <= '9'; c->at++) {
            const uint64_t digit = (uint64_t)(c->text[c->at] - '0');
            if (value > (UINT64_MAX - digit) / 10) return bad(c, "'shape' holds a number beyond 64 bits");
            value = value * 10 + digit;
        }
        if (c->at == begin) return bad(c, "'shape' holds something that is no number");
        accept(c, "L"); /* as Python 2 wrote long numbers */
        if (h->shape_count < 3) h->shape[h->shape_count] = value;
        h->shape_count++;
        if (!accept(c, ",")) {
            if (!accept(c, ")")) return bad(c, "'shape' is not closed");
            return FGMM_OK;
        }
    }
    return FGMM_OK;
}

static fgmm_status parse_dictionary(cursor *c, header *h)
{
    static const struct {
        const char *name;
        fgmm_status (*parse)(cursor *, header *);
    } keys[] = {{"descr", parse_descr}, {"fortran_order", parse_order}, {"shape", parse_shape}};
    enum { KEYS = sizeof keys / sizeof keys[0] };
    fgmm_status status = FGMM_OK;
    if (!accept(c, "{")) return bad(c, "it does not begin with {");
    while (!accept(c, "}")) {
        char name[16];
        FG_TRY(parse_string(c, name, sizeof name, "a key is missing or too long"));
        if (!accept(c, ":")) return bad(c, "a colon is missing");
        unsigned key = 0;
        while (key < KEYS && strcmp(keys[key].name, name) != 0) key++;
        if (key == KEYS || (h->seen & (1u << key))) return bad(c, "a key is unknown or comes twice");
        h->seen |= 1u << key;
        FG_TRY(keys[key].parse(c, h));
        if (!accept(c, ",")) {
            if (!accept(c, "}")) return bad(c, "it is not closed");
            break;
        }
    }
    skip_spaces(c);
    if (c->at != c->length) return bad(c, "something follows the closing }");
    if (h->seen != (1u << KEYS) - 1) return bad(c, "it lacks 'descr', 'fortran_order' or 'shape'");
done:
    return status;
}

/* From the parsed dictionary to a layout: what is legal NumPy but not read here is refused by name. */
static fgmm_status interpret(fg_npy_array *array, const header *h, const char *path)
{
    static const struct {
        const char *code;
        fg_element element;
    } types[] = {{"b1", {FG_UNSIGNED, 1, 0}}, {"u1", {FG_UNSIGNED, 1, 0}}, {"i1", {FG_SIGNED, 1, 0}},
                 {"u2", {FG_UNSIGNED, 2, 0}}, {"i2", {FG_SIGNED, 2, 0}},   {"u4", {FG_UNSIGNED, 4, 0}},
                 {"i4", {FG_SIGNED, 4, 0}},   {"u8", {FG_UNSIGNED, 8, 0}}, {"i8", {FG_SIGNED, 8, 0}},
                 {"f2", {FG_FLOAT, 2, 0}},    {"f4", {FG_FLOAT, 4, 0}},    {"f8", {FG_FLOAT, 8, 0}}};
    enum { TYPES = sizeof types / sizeof types[0] };
    fgmm_status status = FGMM_OK;
    unsigned index = 0;
    while (index < TYPES && (!h->descr[0] || strcmp(types[index].code, h->descr + 1) != 0)) index++;
    FG_CHECK(index < TYPES && strchr("<>|", h->descr[0]), FGMM_FORMAT,
             "%s: element type '%s'; need one of f2, f4, f8, b1, or integers: u1, i1, u2, i2, u4, i4, u8, i8", path,
             h->descr);
    FG_CHECK(h->descr[0] != '|' || types[index].element.bytes == 1, FGMM_FORMAT,
             "%s: element type '%s' lacks a byte order", path, h->descr);
    FG_CHECK(h->shape_count <= 3, FGMM_FORMAT, "%s: is %u-D; need at most 3", path, h->shape_count);
    *array =
        (fg_npy_array){h->shape_count, {h->shape[0], h->shape[1], h->shape[2]}, types[index].element, h->is_fortran, 0};
    array->element.is_big = h->descr[0] == '>';
done:
    return status;
}

fgmm_status fg_npy_read_array(fg_npy_array *array, const fg_input *input)
{
    fgmm_status status = FGMM_OK;
    char *text = NULL;
    unsigned char start[12] = {0}; /* magic (6), version (2), header length (2, from version 2 on 4) */
    const char *path = input->path;
    FG_TRY(fg_input_read_at(input, 0, start, (size_t)fg_min_u64(sizeof start, input->size)));
    FG_CHECK(memcmp(start, "\x93NUMPY", 6) == 0, FGMM_FORMAT, "%s: byte offset 0: no .npy file (its magic is missing)",
             path);
    FG_CHECK(input->size >= sizeof start, FGMM_FORMAT, "%s: byte offset %llu: the file ends within its header", path,
             (unsigned long long)input->size);
    FG_CHECK(start[6] >= 1 && start[6] <= 3 && start[7] == 0, FGMM_FORMAT,
             "%s: byte offset 6: .npy version %u.%u; need 1.0, 2.0 or 3.0", path, start[6], start[7]);
    const uint64_t begin = start[6] == 1 ? 10 : 12;
    uint64_t length = start[8] + 256u * start[9];
    if (start[6] > 1) length += 65536ull * start[10] + 16777216ull * start[11];
    FG_CHECK(length <= FG_NPY_HEADER_MAX, FGMM_FORMAT, "%s: byte offset 8: a header of %llu bytes; at most %d are read",
             path, (unsigned long long)length, FG_NPY_HEADER_MAX);
    FG_CHECK(length <= input->size - begin, FGMM_FORMAT,
             "%s: byte offset %llu: the file ends within its header of %llu bytes", path,
             (unsigned long long)input->size, (unsigned long long)length);
    FG_TRY(FG_ALLOC(&text, length + 1, "header"));
    FG_TRY(fg_input_read_at(input, begin, text, (size_t)length));
    cursor c = {path, text, (size_t)length, 0, begin};
    header h = {{0}, 0, {0, 0, 0}, 0, 0};
    FG_TRY(parse_dictionary(&c, &h));
    FG_TRY(interpret(array, &h, path));
    array->offset = begin + length;
done:
    free(text);
    return status;
}

fgmm_status fg_npy_rows_of(fg_dense_layout *layout, const fg_npy_array *array, const char *label)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(array->rank == 1 || array->rank == 2, FGMM_FORMAT, "%s: is %u-D; need (N, D), or (N) for D = 1", label,
             array->rank);
    *layout = (fg_dense_layout){.rows = array->shape[0],
                                .dims = array->rank == 2 ? array->shape[1] : 1,
                                .element = array->element,
                                .offset = array->offset,
                                .is_columns = array->is_fortran && array->rank == 2};
done:
    return status;
}

fgmm_status fg_npy_read_header(fg_dense_layout *layout, const fg_input *input)
{
    fg_npy_array array;
    const fgmm_status status = fg_npy_read_array(&array, input);
    return status == FGMM_OK ? fg_npy_rows_of(layout, &array, input->path) : status;
}

fgmm_status fg_npy_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    (void)options;
    fg_dense_layout layout;
    *source = NULL;
    fgmm_status status = fg_npy_read_header(&layout, input);
    if (status == FGMM_OK) return fg_dense_open(source, input, &layout, "npy");
    fg_input_close(input);
    return status;
}
