/* test_tiles.c - the file of remembered tiles: nearest shape, damage, editing, several processes; and the tiles that
 * are shipped. No device. */
#include "covariances.h"
#include "support.h"

#include "database.h"
#include "parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const fg_tiles_key base = {"A Platform / A | Device", "3.1", "pass vector", "spherical", "u8", 1024, 128};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

enum { FILE_CAPACITY = 8192 };

static char *read_file(char text[FILE_CAPACITY], const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, FILE_CAPACITY - 1, file)] = 0;
    fclose(file);
    return text;
}

static int logged;

static void count_log(void *user, const char *line)
{
    (void)user;
    ck_assert_ptr_nonnull(strstr(line, "not used"));
    logged++;
}

/* What is found for the key, copied; "" where nothing is. */
static const char *find(const char *path, const fg_tiles_key *key)
{
    static char text[256];
    fg_tiles *tiles;
    double octaves;
    logged = 0;
    ck_ok(fg_tiles_read(&tiles, path, count_log, NULL));
    const char *found = fg_tiles_find(tiles, key, &octaves);
    snprintf(text, sizeof text, "%s", found ? found : "");
    fg_tiles_free(tiles);
    return text;
}

START_TEST(test_tiles__remembers_by_everything_that_matters)
{
    const char *path = temporary_path("tiles/deep/tiles.txt");
    ck_assert_str_eq(find(path, &base), ""); /* no file is no error */
    ck_ok(fg_tiles_remember(path, &base, "rows=1", "first"));
    ck_assert_str_eq(find(path, &base), "rows=1");
    ck_ok(fg_tiles_remember(path, &base, "rows=2", "again"));
    ck_assert_str_eq(find(path, &base), "rows=2");
    fg_tiles_key other = base;
    other.device = "B";
    ck_assert_str_eq(find(path, &other), "");
    other = base;
    other.driver = "3.2";
    ck_assert_str_eq(find(path, &other), "");
    other = base;
    other.op = "pass group";
    ck_assert_str_eq(find(path, &other), "");
    other = base;
    other.covariance = "diag";
    ck_assert_str_eq(find(path, &other), "");
    ck_assert_int_eq(logged, 0);
}
END_TEST

START_TEST(test_tiles__nearest_shape_stands_in)
{
    const char *path = temporary_path("nearest.txt");
    fg_tiles_key key = base;
    ck_ok(fg_tiles_remember(path, &key, "rows=10", ""));
    key.type = "f32";
    ck_ok(fg_tiles_remember(path, &key, "rows=11", ""));
    key.k = 256;
    ck_ok(fg_tiles_remember(path, &key, "rows=12", ""));
    const struct {
        uint64_t k, d;
        const char *type, *found;
    } cases[] = {
        {1024, 128, "u8", "rows=10"},  {1024, 128, "f32", "rows=11"},
        {1024, 128, "f16", "rows=10"}, {900, 100, "u8", "rows=10"},
        {256, 128, "f32", "rows=12"},  {512, 128, "u8", "rows=10"},
        {128, 128, "f32", "rows=12"},  {4096, 128, "u8", "rows=10"},
        {4096, 256, "u8", ""},         {1, 1, "u8", ""},
        {UINT64_MAX, 1, "u8", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        key = base;
        key.k = cases[i].k;
        key.d = cases[i].d;
        key.type = cases[i].type;
        ck_assert_msg(strcmp(find(path, &key), cases[i].found) == 0, "case %zu: %s", i, find(path, &key));
    }
}
END_TEST

START_TEST(test_tiles__damaged_lines_are_not_used)
{
    const char *path = temporary_path("damaged.txt");
    ck_ok(fg_tiles_remember(path, &base, "rows=12", "remark"));
    char whole[FILE_CAPACITY], part[FILE_CAPACITY], *at = strstr(read_file(whole, path), "rows=12");
    const size_t bytes = strlen(whole);
    for (size_t cut = bytes - 2; cut > (size_t)(at - whole); cut--) { /* cut off in its last line, anywhere */
        snprintf(part, sizeof part, "%.*s", (int)cut, whole);
        write_file(path, part);
        ck_assert_str_eq(find(path, &base), "");
        ck_assert_int_eq(logged, 1);
    }
    at[5] = '3'; /* rows=32 */
    write_file(path, whole);
    ck_assert_str_eq(find(path, &base), "");
    ck_assert_int_eq(logged, 1);
    ck_ok(fg_tiles_remember(path, &base, "rows=8", "")); /* the damaged line is kept as a comment */
    ck_assert_str_eq(find(path, &base), "rows=8");
    ck_assert_int_eq(logged, 0);
    ck_assert_ptr_nonnull(strstr(read_file(whole, path), "# not used: tile |"));
}
END_TEST

/* The line's last field becomes `word`. */
static void replace_checksum(const char *path, const char *from, const char *to, const char *word)
{
    char whole[FILE_CAPACITY], changed[FILE_CAPACITY], *at = strstr(read_file(whole, path), from);
    ck_assert_ptr_nonnull(at);
    char *sum = strrchr(at, '|');
    snprintf(changed, sizeof changed, "%.*s%s%.*s| %s\n", (int)(at - whole), whole, to,
             (int)(sum - at - (long)strlen(from)), at + strlen(from), word);
    write_file(path, changed);
}

START_TEST(test_tiles__users_may_edit)
{
    const char *path = temporary_path("edited.txt");
    ck_ok(fg_tiles_remember(path, &base, "rows=12", "remark"));
    replace_checksum(path, "rows=12", "rows=6", "edited");
    ck_assert_str_eq(find(path, &base), "rows=6");
    ck_assert_int_eq(logged, 0);
    fg_tiles_key other = base;
    other.covariance = "diag";
    ck_ok(fg_tiles_remember(path, &other, "rows=7", "")); /* and what they wrote stays */
    ck_assert_str_eq(find(path, &base), "rows=6");
    replace_checksum(path, "rows=7", "rows=9", "Edited?");
    ck_assert_str_eq(find(path, &other), "");
    ck_assert_int_eq(logged, 1);
    /* spaces, tabs and line ends of other systems are nobody's damage */
    write_file(path,
               "flashgmm tiles 1\r\n# mine\r\n\r\n  tile|A Platform / A / Device|3.1 |\tpass vector | spherical | u8 | "
               "k=1024 d=128 | rows=3 | | edited\r\n");
    ck_assert_str_eq(find(path, &base), "rows=3");
    ck_assert_int_eq(logged, 0);
}
END_TEST

START_TEST(test_tiles__hostile_files_are_not_used)
{
    static const char *const texts[] = {
        "flashgmm tiles 2\ntile | x\n",
        "flashgmm tiles 10\n",
        "garbage",
        "\n",
        "flashgmm tiles",
        "tile | A Platform / A / Device | 3.1 | pass vector | spherical | u8 | k=1024 d=128 | rows=3 | | edited\n",
    };
    const char *path = temporary_path("hostile.txt");
    char old[512];
    snprintf(old, sizeof old, "%s.old", path);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_file(path, texts[i]);
        ck_assert_str_eq(find(path, &base), "");
        ck_assert_int_eq(logged, 1);
        ck_ok(fg_tiles_remember(path, &base, "rows=5", ""));
        ck_assert_str_eq(find(path, &base), "rows=5");
        char kept[FILE_CAPACITY];
        ck_assert_str_eq(read_file(kept, old), texts[i]); /* what it was is kept beside */
    }
    write_file(
        path,
        "flashgmm tiles 1\n|||||||||\n| | | | | | | | | |\ntile\nk=0 d=0\ntile | | | | | | k=0 d=9 | | | edited\n");
    ck_assert_str_eq(find(path, &base), "");
    ck_assert_int_eq(logged, 5);
    write_file(path, "");
    ck_assert_str_eq(find(path, &base), "");
    ck_assert_int_eq(logged, 0);
    FILE *zeros = fopen(path, "wb"); /* each of them ends a line */
    ck_assert(zeros && ftruncate(fileno(zeros), 1 << 16) == 0 && fclose(zeros) == 0);
    ck_assert_str_eq(find(path, &base), "");
    ck_assert_int_eq(logged, 1);
    remove(path);
    ck_ok(fg_tiles_remember(path, &base, "rows=5", ""));
    FILE *lines = fopen(path, "ab"); /* each would take as much memory as a tile */
    for (int i = 0; i < 1 << 15; i++) fputc('\n', lines);
    ck_assert(lines && fclose(lines) == 0);
    ck_assert_str_eq(find(path, &base), "");
    ck_assert_int_eq(logged, 1);
}
END_TEST

/* Runs `part` in a child process, which then ends as if it had crashed. */
static pid_t in_child(void (*part)(const char *path, int number), const char *path, int number)
{
    const pid_t child = fork();
    if (child == 0) {
        part(path, number);
        _exit(0);
    }
    return child;
}

static void remember_many(const char *path, int number)
{
    fg_tiles_key key = base;
    char tile[32];
    for (int i = 0; i < 8; i++) {
        key.k = (uint64_t)1 << (number * 8 + i);
        snprintf(tile, sizeof tile, "rows=%d", number * 8 + i);
        if (fg_tiles_trying(path, &key, tile) != FGMM_OK || fg_tiles_remember(path, &key, tile, "") != FGMM_OK)
            _exit(1);
    }
    if (fg_tiles_trying(path, &base, NULL) != FGMM_OK) _exit(1);
}

START_TEST(test_tiles__several_processes_write_at_once)
{
    enum { PROCESSES = 4 };
    const char *path = temporary_path("several.txt");
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) children[i] = in_child(remember_many, path, i);
    for (int i = 0; i < PROCESSES; i++) {
        int result;
        waitpid(children[i], &result, 0);
        ck_assert_int_eq(result, 0);
    }
    for (int i = 0; i < PROCESSES * 8; i++) {
        fg_tiles_key key = base;
        char tile[32];
        key.k = (uint64_t)1 << i;
        snprintf(tile, sizeof tile, "rows=%d", i);
        ck_assert_str_eq(find(path, &key), tile);
        ck_assert_int_eq(logged, 0);
    }
    char whole[FILE_CAPACITY];
    ck_assert_ptr_null(strstr(read_file(whole, path), "trying"));
}
END_TEST

/* And comes back from the one before; number 1: from this one as well. */
static void crash_while_trying(const char *path, int number)
{
    if (fg_tiles_trying(path, &base, "rows=1") != FGMM_OK || fg_tiles_trying(path, &base, "rows=2") != FGMM_OK ||
        (number == 1 && fg_tiles_trying(path, &base, "rows=3") != FGMM_OK))
        _exit(1);
}

static void expect_crash(const char *path, int number)
{
    int result;
    waitpid(in_child(crash_while_trying, path, number), &result, 0);
    ck_assert_int_eq(result, 0);
}

static int is_suspect(const char *path, const fg_tiles_key *key, const char *tile)
{
    fg_tiles *tiles;
    ck_ok(fg_tiles_read(&tiles, path, NULL, NULL));
    const int found = fg_tiles_is_suspect(tiles, key, tile);
    fg_tiles_free(tiles);
    return found;
}

/* A process that ends while it tries a candidate was killed or has crashed: the second one is believed. */
START_TEST(test_tiles__two_crashes_leave_their_candidate_out)
{
    const char *path = temporary_path("crash.txt");
    expect_crash(path, 0);
    ck_assert_int_eq(is_suspect(path, &base, "rows=2"), 0);
    expect_crash(path, 1); /* comes back from rows=2 */
    expect_crash(path, 0);
    ck_assert_int_eq(is_suspect(path, &base, "rows=2"), 0);
    expect_crash(path, 0);
    ck_assert_int_eq(is_suspect(path, &base, "rows=1"), 0); /* they had come back from that one */
    ck_assert_int_eq(is_suspect(path, &base, "rows=2"), 1);
    fg_tiles_key other = base;
    other.type = "f32";
    ck_assert_int_eq(is_suspect(path, &other, "rows=2"), 0);
    ck_assert_str_eq(find(path, &base), ""); /* no tile to use */
    ck_ok(fg_tiles_trying(path, &base, "rows=3"));
    ck_assert_int_eq(is_suspect(path, &base, "rows=3"), 0); /* this process lives */
    ck_ok(fg_tiles_trying(path, &base, NULL));
    ck_ok(fg_tiles_remember(path, &base, "rows=4", ""));
    ck_assert_int_eq(is_suspect(path, &base, "rows=2"), 1);
}
END_TEST

START_TEST(test_tiles__a_folder_that_cannot_be_written)
{
    const char *path = temporary_path("not-a-folder");
    char below[512];
    write_file(path, "a file");
    snprintf(below, sizeof below, "%s/tiles.txt", path);
    ck_assert_str_eq(find(below, &base), "");
    ck_fails(fg_tiles_remember(below, &base, "rows=1", ""), FGMM_IO, "not-a-folder");
    ck_fails(fg_tiles_trying(below, &base, "rows=1"), FGMM_IO, "not-a-folder");
}
END_TEST

/* The first backend that takes lines of tiles.def of that name. */
static const fg_backend *backend_of_lines(fgmm_backend name)
{
    const fg_backend *row;
    for (size_t i = 0; (row = fg_backend_row(i)); i++)
        if (row->shipped == name) return row;
    ck_abort_msg("no backend takes lines of %s", fgmm_backend_name(name));
    return NULL;
}

/* A row of the table of backends lacks nothing that is called without a look. */
START_TEST(test_tiles__backends_are_complete)
{
    const fg_backend *row;
    size_t count = 0;
    for (; (row = fg_backend_row(count)); count++) {
        const char *missing = fg_backend_missing(row);
        ck_assert_msg(!missing, "%s%s lacks %s", row->name, row->unit_text, missing);
        ck_assert_ptr_eq(fg_backend_find(row->kernels, row->unit), row);
    }
    ck_assert_uint_eq(count, 6);
    fg_backend without = fg_cpu_simd;
    without.transpose = NULL;
    ck_assert_str_eq(fg_backend_missing(&without), "transpose");
    fg_transpose_launches launches = *fg_cpu_simd.transpose;
    launches.run = NULL;
    without.transpose = &launches;
    ck_assert_str_eq(fg_backend_missing(&without), "transpose->run");
    fg_search_launches search = *fg_cpu_simd.search;
    search.vector_width = 0;
    without = fg_cpu_simd;
    without.search = &search;
    ck_assert_str_eq(fg_backend_missing(&without), "search->vector_width");
    without = fg_matrix_plain;
    without.split = NULL;
    ck_assert_str_eq(fg_backend_missing(&without), "split");
    without = fg_gpu_workgroup; /* has no kernel that prunes */
    without.pruning = &fg_prune_projection;
    ck_assert_str_eq(fg_backend_missing(&without), "sparse->run_pruned");
}
END_TEST

/* Every line of tiles.def is a tile that some device may build, and none is passed over for a slip of the pen. */
START_TEST(test_tiles__shipped_ones_are_legal)
{
    static const struct {
        fgmm_backend backend;
        uint32_t width, local_kib;
        const char *text;
    } lines[] = {
#define FG_TILE(backend, vendor, width, local, covariance, k, basis, text) {FGMM_BACKEND_##backend, width, local, text},
#include "tiles.def"
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        for (int covariance = covariance_from(0, 0); covariance < COVARIANCES;
             covariance = covariance_from(covariance + 1, 0)) {
            now_testing("%s", fgmm_covariance_name((fgmm_covariance)covariance));
            const uint64_t local_kib = lines[i].local_kib ? lines[i].local_kib : 32;
            const fg_tile_problem problem = {(fgmm_covariance)covariance, 1000, 100, lines[i].width, 1};
            const fg_space_needs limits = {local_kib * 1024 - 1024, 256, 0};
            const fg_backend *backend = backend_of_lines(lines[i].backend);
            fg_tile tile;
            ck_assert_msg(fg_tile_parse(&tile, backend, lines[i].text), "%s", lines[i].text);
            if (backend->has_lane_masks && lines[i].width != tile.vw) ck_abort_msg("%s", lines[i].text);
            const char *reason = fg_space_reject(&backend->tiles, &tile, &problem, &limits);
            ck_assert_msg(!reason, "%s: %s", lines[i].text, reason);
        }
}
END_TEST

/* Kernels number the elements of a block's rows in 32 bits. */
START_TEST(test_tiles__blocks_of_long_rows_are_limited)
{
    const fg_space *space = &fg_cpu_simd.tiles;
    const fg_space_needs limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    const fg_tile_problem longest = {FGMM_SPHERICAL, 1, INT32_MAX / 64, 16, 0};
    fg_tile tile;
    ck_assert(fg_tile_parse(&tile, &fg_cpu_simd,
                            "vw=16 rows=12 vectors=2 block=96 dense_k=8 dense_v=2 piece=8 "
                            "chunk=256"));
    ck_assert_ptr_null(fg_space_reject(space, &tile, &longest, &limits));
    tile.block = 192;
    ck_assert_ptr_nonnull(fg_space_reject(space, &tile, &longest, &limits));
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_tiles__backends_are_complete,
        test_tiles__remembers_by_everything_that_matters,
        test_tiles__nearest_shape_stands_in,
        test_tiles__damaged_lines_are_not_used,
        test_tiles__users_may_edit,
        test_tiles__hostile_files_are_not_used,
        test_tiles__several_processes_write_at_once,
        test_tiles__two_crashes_leave_their_candidate_out,
        test_tiles__a_folder_that_cannot_be_written,
        test_tiles__shipped_ones_are_legal,
        test_tiles__blocks_of_long_rows_are_limited,
    };
    Suite *s = suite_create("tiles");
    ADD_CASE(s, "tiles", NULL, NULL, 60, tests);
    return s;
}
