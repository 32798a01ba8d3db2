#ifndef PARPY_CRUNTIME_H
#define PARPY_CRUNTIME_H
#endif
