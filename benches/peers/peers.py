"""The peers that have a Python interface: for each precision and peer, how to open a model and run it once.

Each function takes the common path of a model's files and a number of threads, and returns `run`, which computes the
logits of the input once, and `logits`, which gives the last ones as an array. Inputs and models are in the layout that
the peer prefers; tensors are bound before, so that `run` is the computation and one call through the binding. Packages
are imported where they are used: a process holds one peer only.
"""

from functools import partial

import numpy as np


def onnxruntime(stem, threads, ending=".onnx"):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(f"{stem}{ending}", options, ["CPUExecutionProvider"])
    binding = session.io_binding()
    image = ort.OrtValue.ortvalue_from_numpy(nchw(stem))
    binding.bind_ortvalue_input("input", image)
    binding.bind_output("logits", "cpu")

    def run(keep=image):  # the binding only borrows it
        session.run_with_iobinding(binding)

    return run, lambda: binding.copy_outputs_to_cpu()[0]


def openvino(stem, threads, ending=".onnx", hint="f32"):
    return openvino_run(f"{stem}{ending}", threads, nchw(stem), hint)


def openvino_tflite(stem, threads):
    from tflite import affine

    path = f"{stem}.int8.tflite"
    source, target = affine(path)
    run, logits = openvino_run(path, threads, source.quantise(nhwc(stem)), "f32")
    return run, lambda: target.numbers(logits())


def openvino_run(path, threads, image, hint):
    """The hint is for what is computed with floats: by default bf16, where the processor has it."""
    import openvino as ov

    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
    }
    request = ov.Core().compile_model(path, "CPU", settings).create_infer_request()
    request.set_input_tensor(ov.Tensor(image))
    return request.infer, lambda: np.array(request.get_output_tensor(0).data)


def litert_int8(stem, threads):
    from tflite import affine

    source, target = affine(f"{stem}.int8.tflite")
    run, logits = litert_run(f"{stem}.int8.tflite", threads, source.quantise(nhwc(stem)))
    return run, lambda: target.numbers(logits())


def litert(stem, threads):
    return litert_run(f"{stem}.tflite", threads, nhwc(stem))


def litert_run(path, threads, image):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=threads)  # with XNNPACK, by default
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    target = interpreter.get_output_details()[0]["index"]
    return interpreter.invoke, lambda: interpreter.get_tensor(target)


def ncnn(stem, threads):
    import ncnn as library

    net = library.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    if net.load_param(f"{stem}.param") or net.load_model(f"{stem}.bin"):
        raise ValueError(f"ncnn cannot read {stem}.param or its .bin")
    values, last = nchw(stem)[0], {}
    image = library.Mat(values)

    def run(keep=values):  # the Mat only borrows them
        extractor = net.create_extractor()
        extractor.input("input", image)
        last["logits"] = extractor.extract("logits")[1]

    return run, lambda: np.array(last["logits"])


def iree(stem, threads):
    import iree.runtime as rt

    config = rt.Config("local-sync" if threads == 1 else "local-task")
    module = rt.load_vm_module(rt.VmModule.mmap(config.vm_instance, f"{stem}.vmfb"), config)
    image, last = rt.asdevicearray(config.device, nhwc(stem)), {}

    def run():
        last["logits"] = module.main(image)

    return run, lambda: np.asarray(last["logits"])


PEERS = {
    "f32": {"onnxruntime": onnxruntime, "openvino": openvino, "litert": litert, "ncnn": ncnn, "iree": iree},
    "int8": {
        "openvino": partial(openvino, ending=".int8.onnx"),
        "openvino-tflite": openvino_tflite,
        "litert": litert_int8,
        "onnxruntime": partial(onnxruntime, ending=".int8.onnx"),
    },
    "bf16": {"openvino": partial(openvino, hint="bf16")},
}


def nhwc(stem):
    """The input as (1, h, w, c)."""
    return np.load(f"{stem}.input.npy")


def nchw(stem):
    """The input as (1, c, h, w)."""
    return np.ascontiguousarray(nhwc(stem).transpose(0, 3, 1, 2))
