/* csv.c - numbers in text: one row per line, separated by comma, semicolon, tab or spaces; float64. docs/formats.md.
 *
 * Opening looks at the first lines (header or not, separator, columns) and counts the rows; numbers are parsed anew in
 * each pass, through one small buffer. A field that is not a number is never guessed at. */
#define _POSIX_C_SOURCE 200809L
#include "columns.h"
#include "formats.h"
#include "number.h"
#include "size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer fields are no numbers (17 digits tell any float64). */
enum { FIELD_BYTES = 512, SHOWN_BYTES = 40 };

typedef struct csv_rows {
    fg_input *input;
    fg_reader reader;
    locale_t c_locale;
    char separator;               /* , ; tab, a space for runs of blanks, 0: one column */
    uint64_t columns;             /* fields of a line; 0 while opening */
    uint64_t dims;                /* of them that are read */
    uint64_t *place;              /* (columns) where a field goes in the row, NOT_READ; NULL: they are the row */
    int is_missing_nan;           /* fields that are empty or NA are NaN; otherwise they are errors */
    uint64_t header, header_line; /* where the header's line begins */
    int has_header;
    uint64_t offset; /* of the first row's line */
    uint64_t offset_line;
    uint64_t line; /* number of the present line, from 1 */
    size_t length; /* of the present field */
    int is_quoted;
    char field[FIELD_BYTES]; /* cut and terminated when `length` is larger */
} csv_rows;

static const uint64_t NOT_READ = UINT64_MAX;

typedef struct line_facts {
    uint64_t columns, numbers, texts; /* a field that is empty is neither number nor text */
    int begins_empty;                 /* the first field is */
    int counts_up, counts_up_behind;  /* the fields are 0, 1, 2 ...; those behind the first are */
    int is_unnamed;                   /* the first field is what pandas calls an index that it has written before */
} line_facts;

/* ---- characters ---- */

static int is_blank(int c, char separator)
{
    return c == ' ' || (c == '\t' && separator != '\t');
}

/* The next character without taking it; '\r' before '\n' is passed over; -1 at the end. */
static int peek(csv_rows *csv)
{
    fg_reader *reader = &csv->reader;
    const int c = fg_reader_peek(reader);
    if (c != '\r') return c;
    if (reader->used + 1 == reader->filled) { /* what follows is not in the buffer yet: begin it here */
        fg_reader_seek(reader, fg_reader_position(reader));
        if (fg_reader_peek(reader) < 0) return -1;
    }
    if (reader->used + 1 == reader->filled || reader->buffer[reader->used + 1] != '\n') return c;
    reader->used++;
    return '\n';
}

static int is_line_end(int c)
{
    return c == '\n' || c < 0;
}

/* Goes to the next line that holds anything; 0 at the end of the file. */
static int find_line(csv_rows *csv)
{
    for (;;) {
        int c = peek(csv);
        if (c < 0) return 0;
        if (c == '\n') csv->line++;
        if (c != '\n' && !is_blank(c, csv->separator)) return 1;
        csv->reader.used++;
    }
}

/* Past the end of this line. */
static void skip_line(csv_rows *csv)
{
    fg_reader *reader = &csv->reader;
    while (fg_reader_peek(reader) >= 0) {
        const unsigned char *from = reader->buffer + reader->used;
        const unsigned char *end = memchr(from, '\n', reader->filled - reader->used);
        if (end) {
            reader->used += (size_t)(end - from) + 1;
            csv->line++;
            return;
        }
        reader->used = reader->filled;
    }
}

static void go_to(csv_rows *csv, uint64_t offset, uint64_t line)
{
    fg_reader_seek(&csv->reader, offset);
    csv->line = line;
}

/* ---- fields ---- */

static void keep(csv_rows *csv, int c)
{
    if (csv->length + 1 < FIELD_BYTES) csv->field[csv->length] = (char)c;
    csv->length++;
}

/* Between quotes; "" stands for one quote. The line's end closes a quote that nothing else closes. */
static void read_quoted(csv_rows *csv)
{
    csv->is_quoted = 1;
    csv->reader.used++;
    for (int c; !is_line_end(c = peek(csv));) {
        csv->reader.used++;
        if (c == '"' && peek(csv) != '"') return;
        if (c == '"') csv->reader.used++;
        keep(csv, c);
    }
}

static void skip_blanks(csv_rows *csv)
{
    while (is_blank(peek(csv), csv->separator)) csv->reader.used++;
}

/* One field without the blanks around it, and the separator behind it; 1 when another field follows on this line. */
static int read_field(csv_rows *csv)
{
    int c;
    csv->length = 0;
    csv->is_quoted = 0;
    skip_blanks(csv);
    if (peek(csv) == '"') read_quoted(csv);
    while (!is_line_end(c = peek(csv)) && c != csv->separator && !(csv->separator == ' ' && c == '\t')) {
        csv->reader.used++;
        keep(csv, c);
    }
    const int is_whole = csv->length < FIELD_BYTES;
    while (is_whole && csv->length > 0 && is_blank(csv->field[csv->length - 1], csv->separator)) csv->length--;
    csv->field[is_whole ? csv->length : FIELD_BYTES - 1] = 0;
    if (csv->separator == ' ') skip_blanks(csv);
    if (is_line_end(peek(csv))) return 0;
    if (csv->separator != ' ') csv->reader.used++;
    return 1;
}

/* In quotes or not: many programs quote every field. */
static fg_number_kind field_number(const csv_rows *csv, double *value)
{
    if (csv->length >= FIELD_BYTES) return FG_NUMBER_NONE;
    if (csv->is_missing_nan && (csv->length == 0 || strcmp(csv->field, "NA") == 0)) {
        *value = (double)NAN;
        return FG_NUMBER_OK;
    }
    return fg_number_parse(value, csv->field, csv->length, csv->c_locale);
}

static fgmm_status bad_field(const csv_rows *csv, uint64_t column, fg_number_kind kind)
{
    const unsigned long long line = csv->line;
    const char *path = csv->input->path, *quote = csv->is_quoted ? "\"" : "";
    if (csv->length == 0)
        return fg_fail(FGMM_FORMAT,
                       "%s: line %llu, column %llu: the field is empty (rows where a value is missing can be skipped: "
                       "--skip-nan-rows, fgmm_file_options.skip_nan_rows)",
                       path, line, (unsigned long long)column);
    char shown[SHOWN_BYTES + 1];
    size_t i = 0;
    for (; i < SHOWN_BYTES && i < csv->length; i++)
        shown[i] = csv->field[i] >= ' ' && csv->field[i] <= '~' ? csv->field[i] : '?';
    shown[i] = 0;
    return fg_fail(FGMM_FORMAT, "%s: line %llu, column %llu: %s%s%s is %s", path, line, (unsigned long long)column,
                   quote, shown, quote, kind == FG_NUMBER_TOO_LARGE ? "beyond float64" : "not a number");
}

/* ---- lines ---- */

/* One row; its line must have all columns, and numbers in those that are read. row: (dims), or NULL to check only. */
static fgmm_status read_row(csv_rows *csv, double *row)
{
    uint64_t columns = 0;
    for (int more = 1; more; columns++) {
        double value;
        more = read_field(csv);
        if (csv->reader.status != FGMM_OK) return csv->reader.status;
        const uint64_t place = columns >= csv->columns ? NOT_READ : csv->place ? csv->place[columns] : columns;
        if (place == NOT_READ) continue;
        const fg_number_kind kind = field_number(csv, &value);
        if (kind != FG_NUMBER_OK) return bad_field(csv, columns + 1, kind);
        if (row) row[place] = value;
    }
    if (columns != csv->columns)
        return fg_fail(FGMM_FORMAT, "%s: line %llu: %llu columns; the first row has %llu", csv->input->path,
                       (unsigned long long)csv->line, (unsigned long long)columns, (unsigned long long)csv->columns);
    return FGMM_OK;
}

/* Reads this line without keeping its values. */
static line_facts scan_line(csv_rows *csv)
{
    line_facts facts = {.counts_up = 1, .counts_up_behind = 1};
    const double one = 1;
    for (int more = 1; more; facts.columns++) {
        double value = -1;
        more = read_field(csv);
        const int is_number = csv->length > 0 && field_number(csv, &value) != FG_NUMBER_NONE;
        const double number = (double)facts.columns;
        facts.numbers += (uint64_t)is_number;
        facts.texts += (uint64_t)(csv->length > 0 && !is_number);
        facts.counts_up &= is_number && value == number;
        if (facts.columns > 0) facts.counts_up_behind &= is_number && value == number - one;
        if (facts.columns > 0) continue;
        facts.begins_empty = csv->length == 0;
        facts.is_unnamed = strcmp(csv->field, "Unnamed: 0") == 0;
    }
    return facts;
}

/* The separator that this line shows outside quotes, the rarest meaning first: a comma may be decimal beside a
 * semicolon, a blank may stand beside a comma. 0 when the line is one field. */
static char detect_separator(csv_rows *csv)
{
    static const char order[] = ";,\t ";
    size_t best = sizeof order - 1;
    int is_inside = 0, has_gap = 0;
    for (int c; !is_line_end(c = peek(csv)); csv->reader.used++) {
        if (c == '"') is_inside = !is_inside;
        if (is_inside) continue;
        for (size_t i = 0; i < 3 && c != ' '; i++)
            if (i < best && c == order[i]) best = i;
        if (c == ' ') has_gap = 1;
        if (c != ' ' && has_gap && best > 3) best = 3; /* blanks at the end of the line separate nothing */
    }
    return order[best];
}

/* ---- the source ---- */

static fgmm_status csv_rewind(void *self)
{
    csv_rows *csv = self;
    go_to(csv, csv->offset, csv->offset_line);
    return FGMM_OK;
}

static fgmm_status csv_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    csv_rows *csv = self;
    double *to = rows;
    uint64_t n = 0;
    for (; n < capacity && find_line(csv); n++) {
        fgmm_status status = read_row(csv, to + n * csv->dims);
        if (status != FGMM_OK) return status;
    }
    *count = n;
    return csv->reader.status;
}

static void csv_close(void *self)
{
    csv_rows *csv = self;
    if (csv->c_locale) freelocale(csv->c_locale);
    fg_reader_release(&csv->reader);
    fg_input_close(csv->input);
    free(csv->place);
    free(csv);
}

static const fg_source_kind csv_kind = {csv_rewind, csv_next, csv_close, NULL};

/* Skips a byte order mark and finds the first line that holds anything. */
static fgmm_status find_first_line(csv_rows *csv)
{
    unsigned char mark[3] = {0};
    const size_t length = (size_t)fg_min_u64(sizeof mark, csv->input->size);
    fgmm_status status = fg_input_read_at(csv->input, 0, mark, length);
    if (status != FGMM_OK) return status;
    if (memcmp(mark, "\xff\xfe", 2) == 0 || memcmp(mark, "\xfe\xff", 2) == 0)
        return fg_fail(FGMM_FORMAT, "%s: is text in UTF-16; need UTF-8, as iconv -f UTF-16 -t UTF-8 makes it",
                       csv->input->path);
    go_to(csv, memcmp(mark, "\xef\xbb\xbf", sizeof mark) == 0 ? sizeof mark : 0, 1);
    if (find_line(csv)) return FGMM_OK;
    return csv->reader.status != FGMM_OK ? csv->reader.status
                                         : fg_fail(FGMM_DATA, "%s: holds no rows", csv->input->path);
}

/* The first line is a header when it has words and no number, or when pandas has written an index before names that
 * are the numbers 0, 1, 2 ... */
static int is_header(const line_facts *facts)
{
    if (facts->numbers == 0) return facts->texts > 0;
    return facts->begins_empty && facts->columns > 1 && facts->counts_up_behind;
}

/* Behind the header: finds the first row's line and its separator, and what the header holds when it is cut
 * likewise. */
static fgmm_status pass_header(csv_rows *csv, line_facts *header)
{
    fgmm_status status = FGMM_OK;
    const char first_separator = csv->separator;
    csv->has_header = 1;
    csv->separator = '\t';
    FG_CHECK(find_line(csv), FGMM_DATA, "%s: holds no rows, only a header in line %llu", csv->input->path,
             (unsigned long long)csv->header_line);
    csv->offset = fg_reader_position(&csv->reader);
    csv->offset_line = csv->line;
    const char separator = detect_separator(csv);
    /* One column: blanks within its name separate nothing, other separators would. */
    csv->separator = separator ? separator : first_separator == ' ' ? 0 : first_separator;
    go_to(csv, csv->header, csv->header_line);
    *header = scan_line(csv);
    csv->separator = separator;
done:
    return status;
}

/* Says what looks like a column or a row of names, and how to leave it out. */
static void warn(char *warning, size_t capacity, const csv_rows *csv, const line_facts *header, const line_facts *first)
{
    const char *path = csv->input->path;
    if (csv->has_header && (header->begins_empty || header->is_unnamed) && csv->columns > 1)
        snprintf(warning, capacity,
                 "%s: the first column has no name, as when an index was written too; it is read as data (--columns 1: "
                 "leaves it out)",
                 path);
    else if (!csv->has_header && first->counts_up && csv->columns > 1)
        snprintf(
            warning, capacity,
            "%s: line %llu is 0,1,2 ... as pandas writes the names of unnamed columns; it is read as a row (remove "
            "the line if it is none)",
            path, (unsigned long long)csv->offset_line);
}

/* Sets separator, columns and the first row's place. */
static fgmm_status find_rows(csv_rows *csv, char *warning, size_t capacity)
{
    fgmm_status status = FGMM_OK;
    line_facts header = {.columns = 0}, facts;
    csv->separator = '\t'; /* while unknown, a tab is no blank */
    FG_TRY(find_first_line(csv));
    csv->offset = csv->header = fg_reader_position(&csv->reader);
    csv->offset_line = csv->header_line = csv->line;
    csv->separator = detect_separator(csv);
    csv_rewind(csv);
    facts = scan_line(csv);
    if (is_header(&facts)) {
        FG_TRY(pass_header(csv, &header));
        csv_rewind(csv);
        facts = scan_line(csv);
    }
    FG_TRY(csv->reader.status);
    FG_CHECK(header.columns == 0 || header.columns == facts.columns, FGMM_FORMAT,
             "%s: line %llu: the header has %llu columns; the first row (line %llu) has %llu", csv->input->path,
             (unsigned long long)csv->header_line, (unsigned long long)header.columns,
             (unsigned long long)csv->offset_line, (unsigned long long)facts.columns);
    csv->dims = csv->columns = facts.columns;
    warn(warning, capacity, csv, &header, &facts);
done:
    return status;
}

/* Number of the header's field of that name; as fg_columns_of.find. */
static uint64_t find_name(void *user, const char *name, size_t length)
{
    csv_rows *csv = user;
    go_to(csv, csv->header, csv->header_line);
    uint64_t column = 0, found = csv->columns;
    for (int more = 1; more; column++) {
        more = read_field(csv);
        if (csv->length != length || length >= FIELD_BYTES || memcmp(csv->field, name, length) != 0) continue;
        found = found == csv->columns ? column : csv->columns + 1;
    }
    return found;
}

/* From options.columns to places in the row. */
static fgmm_status choose_columns(csv_rows *csv, const char *text)
{
    fgmm_status status = FGMM_OK;
    fg_columns columns;
    const fg_columns_of of = {csv->input->path, csv->columns, csv->has_header ? find_name : NULL, csv};
    FG_TRY(fg_columns_parse(&columns, text, &of));
    status = FG_ALLOC(&csv->place, csv->columns, "columns");
    if (status == FGMM_OK) {
        for (uint64_t i = 0; i < csv->columns; i++) csv->place[i] = NOT_READ;
        for (uint64_t i = 0; i < columns.count; i++) csv->place[columns.index[i]] = i;
        csv->dims = columns.count;
    }
    fg_columns_clear(&columns);
done:
    return status;
}

static fgmm_status count_rows(csv_rows *csv, uint64_t *rows)
{
    *rows = 0;
    for (csv_rewind(csv); find_line(csv); ++*rows) skip_line(csv);
    return csv->reader.status;
}

fgmm_status fg_csv_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    fgmm_status status = FGMM_OK;
    csv_rows *csv = NULL;
    fgmm_source_info info = fgmm_source_info_init();
    *source = NULL;
    status = FG_ALLOC(&csv, 1, "source");
    if (status != FGMM_OK) {
        fg_input_close(input);
        return status;
    }
    csv->input = input;
    csv->is_missing_nan = options->skip_nan_rows;
    csv->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    FG_CHECK(csv->c_locale, FGMM_MEMORY, "%s: the C locale could not be made", input->path);
    FG_TRY(fg_reader_create(&csv->reader, input));
    FG_TRY(find_rows(csv, info.warning, sizeof info.warning));
    if (options->columns) {
        FG_TRY(choose_columns(csv, options->columns));
        info.warning[0] = 0;
    }
    csv_rewind(csv);
    FG_TRY(read_row(csv, NULL));
    FG_TRY(count_rows(csv, &info.rows));
    info.dims = csv->dims;
    info.type = FGMM_F64;
    snprintf(info.format, sizeof info.format, "csv");
    return fg_source_create(source, &csv_kind, csv, &info);
done:
    csv_close(csv);
    return status;
}
