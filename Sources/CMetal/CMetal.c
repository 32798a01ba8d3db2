#include "CMetal.h"
