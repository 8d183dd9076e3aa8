/* constants.h - numbers of mathematics. */
#ifndef FG_CONSTANTS_H
#define FG_CONSTANTS_H

#define FG_LOG_TWO    0.693147180559945309417232121458
#define FG_LOG_TWO_PI 1.8378770664093454835606594728112

#endif
