// CPUTarget
