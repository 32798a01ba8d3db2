import CCUDA

extension DynamicLibrary {
  /// The functions of the driver, by the names that CUDA 12 gave the versions used here.
  func driver() throws(CUDAError) -> parpy_cuda_driver {
    parpy_cuda_driver(
      initialize: try function("cuInit"),
      driver_version: try function("cuDriverGetVersion"),
      error_name: try function("cuGetErrorName"),
      error_text: try function("cuGetErrorString"),
      device_count: try function("cuDeviceGetCount"),
      device: try function("cuDeviceGet"),
      device_name: try function("cuDeviceGetName"),
      device_memory: try function("cuDeviceTotalMem_v2"),
      device_attribute: try function("cuDeviceGetAttribute"),
      retain_context: try function("cuDevicePrimaryCtxRetain"),
      set_context: try function("cuCtxSetCurrent"),
      current_context: try function("cuCtxGetCurrent"),
      current_device: try function("cuCtxGetDevice"),
      load_module: try function("cuModuleLoadDataEx"),
      unload_module: try function("cuModuleUnload"),
      module_function: try function("cuModuleGetFunction"),
      function_attribute: try function("cuFuncGetAttribute"),
      set_function_attribute: try function("cuFuncSetAttribute"),
      occupancy: try function("cuOccupancyMaxActiveBlocksPerMultiprocessor"),
      launch: try function("cuLaunchKernel"),
      launch_configured: try function("cuLaunchKernelEx"),
      memory_info: try function("cuMemGetInfo_v2"),
      allocate: try function("cuMemAlloc_v2"),
      free: try function("cuMemFree_v2"),
      create_pool: try function("cuMemPoolCreate"),
      set_pool_attribute: try function("cuMemPoolSetAttribute"),
      trim_pool: try function("cuMemPoolTrimTo"),
      allocate_from_pool: try function("cuMemAllocFromPoolAsync"),
      free_in_order: try function("cuMemFreeAsync"),
      allocate_host: try function("cuMemHostAlloc"),
      free_host: try function("cuMemFreeHost"),
      copy_in: try function("cuMemcpyHtoDAsync_v2"),
      copy_out: try function("cuMemcpyDtoHAsync_v2"),
      copy: try function("cuMemcpyDtoDAsync_v2"),
      copy_rectangle: try function("cuMemcpy2DAsync_v2"),
      fill: try function("cuMemsetD8Async"),
      pointer_attribute: try function("cuPointerGetAttribute"),
      create_stream: try function("cuStreamCreate"),
      destroy_stream: try function("cuStreamDestroy_v2"),
      synchronize_stream: try function("cuStreamSynchronize"),
      wait_for_event: try function("cuStreamWaitEvent"),
      create_event: try function("cuEventCreate"),
      destroy_event: try function("cuEventDestroy_v2"),
      record_event: try function("cuEventRecord"),
      synchronize_context: try function("cuCtxSynchronize"),
      create_graph: try function("cuGraphCreate"),
      destroy_graph: try function("cuGraphDestroy"),
      add_kernel_node: try function("cuGraphAddKernelNode_v2"),
      instantiate_graph: try function("cuGraphInstantiateWithFlags"),
      update_kernel_node: try function("cuGraphExecKernelNodeSetParams_v2"),
      launch_graph: try function("cuGraphLaunch"),
      destroy_graph_exec: try function("cuGraphExecDestroy"))
  }

  /// The functions of NVRTC.
  func nvrtc() throws(CUDAError) -> parpy_nvrtc {
    parpy_nvrtc(
      version: try function("nvrtcVersion"),
      error_text: try function("nvrtcGetErrorString"),
      architecture_count: try function("nvrtcGetNumSupportedArchs"),
      architectures: try function("nvrtcGetSupportedArchs"),
      create_program: try function("nvrtcCreateProgram"),
      destroy_program: try function("nvrtcDestroyProgram"),
      compile: try function("nvrtcCompileProgram"),
      log_size: try function("nvrtcGetProgramLogSize"),
      log: try function("nvrtcGetProgramLog"),
      cubin_size: try function("nvrtcGetCUBINSize"),
      cubin: try function("nvrtcGetCUBIN"),
      ptx_size: try function("nvrtcGetPTXSize"),
      ptx: try function("nvrtcGetPTX"))
  }
}
