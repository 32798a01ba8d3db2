import CPython

@c public func PyInit__native() -> UnsafeMutablePointer<PyObject>? { nil }
