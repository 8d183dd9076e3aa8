/* driver.c - runs a fuzz target without libFuzzer: every seed, every truncation of it, and a fixed number of mutations
 * that are the same in every run. `PROGRAM FILE...` runs the target on files (to repeat a finding of libFuzzer);
 * `PROGRAM -n COUNT` sets the mutations per seed. */
#include "fuzz.h"

#include "rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 65536, MUTATIONS = 2000, CHANGES_MAX = 6 };

/* Bytes that formats care about: ends of ranges, separators, quotes, signs. */
static const uint8_t favourites[] = {0,   1,    0x7f, 0x80, 0xff, '0', '9', '-', ',',
                                     ';', '\n', '\r', '"',  '\'', '(', ')', ' '};

/* Changes, removes or repeats a few bytes; returns the new size. */
static size_t mutate(uint8_t *bytes, size_t count, fg_rng *rng)
{
    for (uint64_t left = 1 + fg_rng_below(rng, CHANGES_MAX); left > 0 && count > 0; left--) {
        const size_t at = (size_t)fg_rng_below(rng, count);
        const size_t length = 1 + (size_t)fg_rng_below(rng, count - at < 16 ? count - at : 16);
        switch (fg_rng_below(rng, 6)) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << fg_rng_below(rng, 8));
            break;
        case 1:
            bytes[at] = favourites[fg_rng_below(rng, sizeof favourites)];
            break;
        case 2:
            bytes[at] = (uint8_t)fg_rng_u32(rng);
            break;
        case 3: /* remove */
            memmove(bytes + at, bytes + at + length, count - at - length);
            count -= length;
            break;
        case 4: /* repeat */
            if (count + length > CAPACITY) break;
            memmove(bytes + at + length, bytes + at, count - at);
            count += length;
            break;
        default:
            memset(bytes + at, (int)favourites[fg_rng_below(rng, 5)], length < 8 ? length : 8);
            break;
        }
    }
    return count;
}

/* An exact copy on the heap, so that a sanitizer sees reads beyond the input. */
static void run(const uint8_t *bytes, size_t count)
{
    uint8_t *copy = malloc(count ? count : 1);
    if (!copy) abort();
    if (count) memcpy(copy, bytes, count);
    LLVMFuzzerTestOneInput(copy, count);
    free(copy);
}

static int run_files(char **paths, int count)
{
    static uint8_t bytes[CAPACITY];
    for (int i = 0; i < count; i++) {
        FILE *file = fopen(paths[i], "rb");
        if (!file) {
            fprintf(stderr, "%s: cannot be opened\n", paths[i]);
            return EXIT_FAILURE;
        }
        run(bytes, fread(bytes, 1, sizeof bytes, file));
        fclose(file);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static uint8_t seed[CAPACITY], bytes[CAPACITY];
    long mutations = MUTATIONS;
    if (argc == 3 && strcmp(argv[1], "-n") == 0)
        mutations = strtol(argv[2], NULL, 10);
    else if (argc > 1)
        return run_files(argv + 1, argc - 1);
    unsigned long inputs = 0;
    size_t count;
    for (size_t index = 0; (count = fuzz_seed(index, seed, sizeof seed)) > 0; index++) {
        fg_rng rng;
        fg_rng_init(&rng, index, 0, 0);
        const size_t step = 1 + count / 512;
        for (size_t cut = 0; cut < count; cut += step, inputs++) run(seed, cut);
        run(seed, count);
        for (long i = 0; i < mutations; i++, inputs++) {
            memcpy(bytes, seed, count);
            run(bytes, mutate(bytes, count, &rng));
        }
    }
    printf("%lu inputs\n", inputs);
    return inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
