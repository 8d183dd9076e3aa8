/* database.c - reading, matching and replacing the lines of the file of tiles. */
#include "database.h"

#include "file.h"
#include "process.h"
#include "size.h"
#include "thread.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "flashgmm tiles 1";
static const char preamble[] =
    "# Kernel tiles that `flashgmm tune` has found. Read, copy and delete what you like; whoever edits a line writes\n"
    "# the word edited in the place of its last field. docs/tuning.md explains the rest.\n";

/* Lines are counted as well as bytes: one of a single byte takes as much memory as any. */
enum { MOST_FILE_BYTES = 1 << 20, MOST_LINES = 1 << 15, LINE_BYTES = 1024, FIELD_BYTES = 160, REMARK_BYTES = 64 };

/* Processes that died while they tried a tile, before it is left out. */
enum { DEATHS_BELIEVED = 2 };

enum { KIND, DEVICE, DRIVER, OP, COVARIANCE, TYPE, SHAPE, TILE, REMARK, CHECKSUM, FIELDS };

typedef enum line_kind {
    LINE_COMMENT, /* or empty: stays as it is */
    LINE_TILE,
    LINE_TRYING,
    LINE_UNUSABLE
} line_kind;

typedef struct line {
    const char *text; /* the whole line as it stands in the file */
    line_kind kind;
    const char *fields[FIELDS];
    uint64_t k, d;
} line;

struct fg_tiles {
    unsigned char *bytes; /* the file, lines ended by 0: what texts point to */
    char *fields;         /* a second copy, cut into fields */
    line *lines;          /* (count), the header not among them */
    size_t count;
    int is_foreign; /* the file is there, but of another version or none of ours */
};

/* ---- a line ---- */

static uint64_t checksum(const char *const fields[FIELDS])
{
    uint64_t hash = FG_HASH_BEGIN;
    for (int i = 0; i < CHECKSUM; i++) hash = fg_hash(hash, fields[i], strlen(fields[i]) + 1);
    return hash;
}

/* Cuts a line at its bars, spaces around fields removed; 1 when it has FIELDS of them. */
static int cut(const char *fields[FIELDS], char *text)
{
    int count = 0;
    for (char *next = text; next; count++) {
        char *field = next + strspn(next, " \t"), *bar = strchr(field, '|');
        next = bar ? bar + 1 : NULL;
        char *end = bar ? bar : field + strlen(field);
        while (end > field && isspace((unsigned char)end[-1])) end--;
        *end = 0;
        if (count < FIELDS) fields[count] = field;
    }
    return count == FIELDS;
}

static int read_shape(line *l)
{
    unsigned long long k, d;
    if (sscanf(l->fields[SHAPE], "k=%llu d=%llu", &k, &d) != 2 || k == 0 || d == 0) return 0;
    l->k = k;
    l->d = d;
    return 1;
}

static int is_vouched(const line *l)
{
    char expected[32];
    snprintf(expected, sizeof expected, "%016llx", (unsigned long long)checksum(l->fields));
    return strcmp(l->fields[CHECKSUM], expected) == 0 || strcmp(l->fields[CHECKSUM], "edited") == 0;
}

static line_kind read_line(line *l, char *text)
{
    const char *first = text + strspn(text, " \t\r");
    if (*first == 0 || *first == '#') return LINE_COMMENT;
    if (!cut(l->fields, text) || !read_shape(l) || !is_vouched(l)) return LINE_UNUSABLE;
    if (strcmp(l->fields[KIND], "tile") == 0) return LINE_TILE;
    return strcmp(l->fields[KIND], "trying") == 0 ? LINE_TRYING : LINE_UNUSABLE;
}

/* ---- the file ---- */

static void tell(fgmm_log_fn log, void *user, const char *path, size_t number, const char *what)
{
    char text[512];
    if (!log) return;
    if (number)
        snprintf(text, sizeof text, "%s, line %zu: %s", path, number, what);
    else
        snprintf(text, sizeof text, "%s: %s", path, what);
    log(user, text);
}

static fgmm_status cut_lines(fg_tiles *t, size_t bytes)
{
    fgmm_status status = FGMM_OK;
    size_t lines = 1;
    for (size_t i = 0; i < bytes; i++) lines += t->bytes[i] == '\n' || t->bytes[i] == 0; /* both end a line */
    if (lines > MOST_LINES) return FGMM_OK;
    FG_TRY(FG_ALLOC(&t->lines, lines, "remembered tiles"));
    FG_TRY(FG_ALLOC(&t->fields, bytes + 1, "remembered tiles"));
    for (size_t i = 0; i < bytes; i++)
        if (t->bytes[i] == '\n') t->bytes[i] = 0;
    memcpy(t->fields, t->bytes, bytes + 1);
    for (size_t at = 0; at < bytes; at += strlen((const char *)t->bytes + at) + 1) {
        line *l = &t->lines[t->count++];
        l->text = (const char *)t->bytes + at;
        l->kind = read_line(l, t->fields + at);
    }
done:
    return status;
}

/* The first line must be ours; it is taken away. */
static int parse_header(fg_tiles *t)
{
    const size_t letters = sizeof header - 1;
    if (t->count == 0 || strncmp(t->lines[0].text, header, letters) != 0 ||
        t->lines[0].text[letters + strspn(t->lines[0].text + letters, " \r")] != 0)
        return 0;
    memmove(t->lines, t->lines + 1, --t->count * sizeof *t->lines);
    return 1;
}

fgmm_status fg_tiles_read(fg_tiles **tiles, const char *path, fgmm_log_fn log, void *log_user)
{
    fgmm_status status = FGMM_OK;
    fg_tiles *t = NULL;
    size_t bytes;
    char error_text[FG_ERROR_TEXT_BYTES];
    *tiles = NULL;
    FG_TRY(FG_ALLOC(&t, 1, "remembered tiles"));
    fg_error_save(error_text);
    status = fg_file_read_all(&t->bytes, &bytes, path, MOST_FILE_BYTES);
    fg_error_restore(error_text);
    if (status == FGMM_OK) {
        FG_TRY(cut_lines(t, bytes));
        t->is_foreign = bytes > 0 && !parse_header(t); /* too many lines are cut into none */
    } else {
        t->is_foreign = status == FGMM_FORMAT; /* too large for ours */
        status = FGMM_OK;
    }
    if (t->is_foreign) {
        t->count = 0;
        tell(log, log_user, path, 0, "not used: its first line is not \"flashgmm tiles 1\"");
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->lines[i].kind == LINE_UNUSABLE)
            tell(log, log_user, path, i + 2,
                 "not used: damaged, or changed without writing edited in the place of its last field");
    *tiles = t;
    t = NULL;
done:
    fg_tiles_free(t);
    return status;
}

void fg_tiles_free(fg_tiles *tiles)
{
    if (!tiles) return;
    free(tiles->lines);
    free(tiles->fields);
    free(tiles->bytes);
    free(tiles);
}

/* ---- matching ---- */

/* The remark of this process's "trying" lines. */
static const char *write_process(char remark[REMARK_BYTES])
{
    const long process = fg_process_id();
    snprintf(remark, REMARK_BYTES, "process %ld %llu", process, (unsigned long long)fg_process_began(process));
    return remark;
}

/* A text as it stands in the file. */
static const char *field_text(char field[FIELD_BYTES], const char *text)
{
    text += strspn(text, " ");
    snprintf(field, FIELD_BYTES, "%s", text);
    size_t length = strlen(field);
    for (size_t i = 0; i < length; i++)
        if (field[i] == '|' || iscntrl((unsigned char)field[i])) field[i] = '/';
    while (length > 0 && field[length - 1] == ' ') field[--length] = 0;
    return field;
}

static int is_same(const char *field, const char *text)
{
    char buffer[FIELD_BYTES];
    return strcmp(field, field_text(buffer, text)) == 0;
}

static int is_of(const line *l, const fg_tiles_key *key)
{
    return is_same(l->fields[DEVICE], key->device) && is_same(l->fields[DRIVER], key->driver) &&
           is_same(l->fields[OP], key->op) && is_same(l->fields[COVARIANCE], key->covariance);
}

/* The power of two that stands for a size. */
static uint64_t bucket(uint64_t size)
{
    return (uint64_t)1 << (int)fmin(rint(log2((double)size)), 62);
}

static double octaves_between(uint64_t a, uint64_t b)
{
    return fabs(log2((double)a) - log2((double)b));
}

static double distance(const line *l, const fg_tiles_key *key)
{
    return octaves_between(l->k, bucket(key->k)) + octaves_between(l->d, bucket(key->d)) +
           (is_same(l->fields[TYPE], key->type) ? 0 : 0.5);
}

const char *fg_tiles_find(const fg_tiles *tiles, const fg_tiles_key *key, double *octaves)
{
    const line *nearest = NULL;
    *octaves = (double)INFINITY;
    for (size_t i = 0; i < tiles->count; i++) {
        const line *l = &tiles->lines[i];
        if (l->kind != LINE_TILE || !is_of(l, key)) continue;
        const double d = distance(l, key);
        if (d > FG_TILES_MOST_OCTAVES || d >= *octaves) continue;
        *octaves = d;
        nearest = l;
    }
    return nearest ? nearest->fields[TILE] : NULL;
}

static int is_exactly(const line *l, const fg_tiles_key *key)
{
    return is_of(l, key) && distance(l, key) == 0;
}

/* Of a "trying" line: is that process still there? */
static int is_alive(const line *l)
{
    long process = 0;
    unsigned long long began = 0;
    return sscanf(l->fields[REMARK], "process %ld %llu", &process, &began) == 2 && fg_process_is_alive(process) &&
           fg_process_began(process) == began;
}

static int is_of_this_process(const line *l)
{
    char remark[REMARK_BYTES];
    return strcmp(l->fields[REMARK], write_process(remark)) == 0;
}

int fg_tiles_is_suspect(const fg_tiles *tiles, const fg_tiles_key *key, const char *tile)
{
    int deaths = 0;
    for (size_t i = 0; i < tiles->count; i++) {
        const line *l = &tiles->lines[i];
        deaths += l->kind == LINE_TRYING && is_exactly(l, key) && is_same(l->fields[TILE], tile) && !is_alive(l);
    }
    return deaths >= DEATHS_BELIEVED;
}

/* ---- changing ---- */

static fgmm_status write_text(fg_atomic_file *file, const char *before, const char *text)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_atomic_write(file, before, strlen(before)));
    FG_TRY(fg_atomic_write(file, text, strlen(text)));
    FG_TRY(fg_atomic_write(file, "\n", 1));
done:
    return status;
}

/* A new line with its checksum. */
static fgmm_status write_line(fg_atomic_file *file, const char *kind, const fg_tiles_key *key, const char *tile,
                              const char *remark)
{
    char buffers[FIELDS][FIELD_BYTES], shape[64], text[FIELDS * (FIELD_BYTES + 3)];
    snprintf(shape, sizeof shape, "k=%llu d=%llu", (unsigned long long)bucket(key->k),
             (unsigned long long)bucket(key->d));
    const char *const given[CHECKSUM] = {kind,      key->device, key->driver, key->op, key->covariance,
                                         key->type, shape,       tile,        remark};
    const char *fields[FIELDS];
    size_t used = 0;
    for (int i = 0; i < CHECKSUM; i++) {
        fields[i] = field_text(buffers[i], given[i]);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s | ", fields[i]);
    }
    snprintf(text + used, sizeof text - used, "%016llx", (unsigned long long)checksum(fields));
    return write_text(file, "", text);
}

/* What a change leaves out: of the key's bucket, lines of this kind. LINE_TRYING: this process's, wherever, and those
 * of the tile that it has come back from. */
typedef struct change {
    const char *path;
    const fg_tiles_key *key;
    line_kind replaced;
    const char *kind, *tile, *remark; /* of the new line; tile NULL: none */
} change;

/* Do both say that the same tile is tried for the same bucket? */
static int is_alike(const line *a, const line *b)
{
    for (int field = DEVICE; field < REMARK; field++)
        if (strcmp(a->fields[field], b->fields[field]) != 0) return 0;
    return 1;
}

/* tried: this process's line; NULL: it has none. */
static int is_replaced(const line *l, const change *c, const line *tried)
{
    if (l->kind != c->replaced) return 0;
    if (l->kind != LINE_TRYING) return is_exactly(l, c->key);
    return l == tried || (tried && is_alike(l, tried) && !is_alive(l));
}

static fgmm_status rewrite(const fg_tiles *t, const change *c)
{
    fgmm_status status = FGMM_OK;
    fg_atomic_file *file = NULL;
    const line *tried = NULL;
    for (size_t i = 0; i < t->count; i++)
        if (t->lines[i].kind == LINE_TRYING && is_of_this_process(&t->lines[i])) tried = &t->lines[i];
    FG_TRY(fg_atomic_open(&file, c->path));
    FG_TRY(write_text(file, "", header));
    if (t->count == 0) FG_TRY(fg_atomic_write(file, preamble, sizeof preamble - 1));
    for (size_t i = 0; i < t->count; i++) {
        const line *l = &t->lines[i];
        if (!is_replaced(l, c, tried))
            FG_TRY(write_text(file, l->kind == LINE_UNUSABLE ? "# not used: " : "", l->text));
    }
    if (c->tile) FG_TRY(write_line(file, c->kind, c->key, c->tile, c->remark));
    status = fg_atomic_commit(file);
    file = NULL;
done:
    fg_atomic_abandon(file);
    return status;
}

/* Reads, changes and replaces the file while no other process does. A file of another version is kept beside. */
static fgmm_status apply(const change *c)
{
    fgmm_status status = FGMM_OK;
    fg_tiles *t = NULL;
    fg_file_lock *lock = NULL;
    FG_TRY(fg_file_lock_take(&lock, c->path));
    FG_TRY(fg_tiles_read(&t, c->path, NULL, NULL));
    if (t->is_foreign) FG_TRY(fg_file_set_aside(c->path, ".old"));
    FG_TRY(rewrite(t, c));
done:
    fg_tiles_free(t);
    fg_file_lock_release(lock);
    return status;
}

fgmm_status fg_tiles_remember(const char *path, const fg_tiles_key *key, const char *tile, const char *remark)
{
    const change c = {path, key, LINE_TILE, "tile", tile, remark};
    return apply(&c);
}

fgmm_status fg_tiles_trying(const char *path, const fg_tiles_key *key, const char *tile)
{
    char remark[REMARK_BYTES];
    const change c = {path, key, LINE_TRYING, "trying", tile, write_process(remark)};
    return apply(&c);
}
