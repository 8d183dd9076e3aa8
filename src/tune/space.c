/* space.c - parameters of a tile by the operation's table: values, neighbours, legality, text. */
#include "space.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t fg_space_get(const fg_space *space, const void *tile, size_t parameter)
{
    uint32_t value;
    memcpy(&value, (const char *)tile + space->parameters[parameter].offset, sizeof value);
    return value;
}

void fg_space_set(const fg_space *space, void *tile, size_t parameter, uint32_t value)
{
    memcpy((char *)tile + space->parameters[parameter].offset, &value, sizeof value);
}

size_t fg_space_value_count(const fg_space_parameter *parameter)
{
    size_t count = 0;
    while (count < FG_SPACE_MOST_VALUES && parameter->values[count]) count++;
    return count;
}

const char *fg_space_reject(const fg_space *space, const void *tile, const void *problem, const fg_space_needs *limits)
{
    fg_space_needs needs = {0};
    for (size_t i = 0; i < space->count; i++) {
        const uint32_t value = fg_space_get(space, tile, i);
        if (value < space->parameters[i].least || value > space->parameters[i].most) return "a value is out of range";
    }
    const char *reason = space->reject ? space->reject(tile, problem) : NULL;
    if (reason) return reason;
    if (space->needs) space->needs(&needs, tile, problem);
    if (needs.local_bytes > limits->local_bytes) return "needs more local memory than there is";
    if (needs.work_group > limits->work_group) return "needs larger work-groups than there are";
    return NULL;
}

void fg_space_neighbour(const fg_space *space, void *neighbour, const void *tile, size_t parameter, size_t value)
{
    assert(space->tile_bytes <= FG_TILE_BYTES);
    memcpy(neighbour, tile, space->tile_bytes);
    fg_space_set(space, neighbour, parameter, space->parameters[parameter].values[value]);
    if (space->repair) space->repair(neighbour);
}

int fg_space_format(const fg_space *space, const void *tile, char *text, size_t capacity)
{
    int used = 0;
    for (size_t i = 0; i < space->count; i++) {
        const size_t at = (size_t)used < capacity ? (size_t)used : capacity;
        const uint32_t value = fg_space_get(space, tile, i);
        if (value == space->parameters[i].usual && value) continue;
        used += snprintf(text + at, capacity - at, "%s%s=%u", used ? " " : "", space->parameters[i].name, value);
    }
    return used;
}

/* The parameter that the word "name=value" of `length` letters sets; count when there is none. */
static size_t find_parameter(const fg_space *space, const char *word, size_t length)
{
    size_t i = 0;
    for (; i < space->count; i++) {
        const size_t name = strlen(space->parameters[i].name);
        if (name < length && word[name] == '=' && strncmp(word, space->parameters[i].name, name) == 0) break;
    }
    return i;
}

int fg_space_parse(const fg_space *space, void *tile, const char *text)
{
    uint64_t seen = 0, has_value = 0;
    memset(tile, 0, space->tile_bytes);
    for (size_t i = 0; i < space->count; i++) {
        fg_space_set(space, tile, i, space->parameters[i].usual);
        if (space->parameters[i].usual) has_value |= (uint64_t)1 << i;
    }
    for (const char *word = text + strspn(text, " "); *word; word += strspn(word, " ")) {
        const size_t length = strcspn(word, " "), i = find_parameter(space, word, length);
        const char *digits = word + (i < space->count ? strlen(space->parameters[i].name) + 1 : 0);
        word += length;
        if (i == space->count) continue;
        char *end;
        const unsigned long value = strtoul(digits, &end, 10);
        if (!isdigit((unsigned char)*digits) || end != word || value > UINT32_MAX || (seen >> i & 1)) return 0;
        fg_space_set(space, tile, i, (uint32_t)value);
        seen |= (uint64_t)1 << i;
    }
    return (seen | has_value) == ((uint64_t)1 << space->count) - 1;
}
