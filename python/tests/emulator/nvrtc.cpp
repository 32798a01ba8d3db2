// NVRTC as ParPy's runtime calls it: what it makes of CUDA C++ is a library for this processor.
//
// The text is compiled as it is, as C++, after `include/emulator.h`. What was compiled once is kept beside this library.

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <sys/stat.h>
#include <type_traits>
#include <unistd.h>
#include <vector>

#include "../../../Sources/CCUDA/include/CCUDA.h"
#include "compiler.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

enum : int32_t { success = 0, invalidProgram = 4, invalidOption = 5, compilation = 6 };

struct Program {
  std::string text;
  std::string log;
  std::string binary;
};

Program *program(parpy_nvrtc_program p) { return reinterpret_cast<Program *>(p); }

// ---- Kernels in a text ----

bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The name that stands before a parenthesis.
std::string wordBefore(const std::string &text, std::size_t open) {
  std::size_t end = open;
  while (end > 0 && !isWord(text[end - 1])) end--;
  std::size_t start = end;
  while (start > 0 && isWord(text[start - 1])) start--;
  return text.substr(start, end - start);
}

// The lines that make the kernels of a text known by name: `__global__ void __cluster_dims__(4, 1, 1) __launch_bounds__(128) NAME(`.
std::string registrations(const std::string &text) {
  static const std::string global = "__global__ void";
  std::string result;
  for (std::size_t at = text.find(global); at != std::string::npos; at = text.find(global, at + 1)) {
    std::map<std::string, std::string> attributes = {{"__launch_bounds__", "1024"}, {"__cluster_dims__", "1"}};
    std::size_t open = text.find('(', at);
    while (open != std::string::npos && attributes.count(wordBefore(text, open)) > 0) {
      const std::size_t end = text.find_first_of(",)", open), close = text.find(')', open);
      if (close == std::string::npos) return result;
      attributes[wordBefore(text, open)] = text.substr(open + 1, end - open - 1);
      open = text.find('(', close);
    }
    if (open == std::string::npos) continue;
    result += "EMULATOR_KERNEL(" + wordBefore(text, open) + ", " + attributes["__launch_bounds__"] + ", " +
              attributes["__cluster_dims__"] + ")\n";
  }
  return result;
}

// ---- The compiler ----

// Options of NVRTC that mean something here; the architecture and the directories of CUDA's headers do not.
bool translate(const std::string &option, std::vector<std::string> &extra) {
  for (const char *ignored : {"-arch=", "--gpu-architecture=", "--std=", "--fmad="}) {
    if (option.rfind(ignored, 0) == 0) return true;
  }
  for (const std::string include : {"--include-path=", "-I"}) {
    if (option.rfind(include, 0) != 0) continue;
    const std::string directory = option.substr(include.size());
    if (access((directory + "/cuda_fp16.h").c_str(), R_OK) != 0) extra.push_back("-I" + directory);
    return true;
  }
  if (option.rfind("-D", 0) != 0) return false;
  extra.push_back(option);
  return true;
}

// Refuses a text for the first line with what the environment variable PARPY_EMULATOR_REFUSES says; false where there is none.
bool isRefused(Program &p) {
  const char *unwanted = std::getenv("PARPY_EMULATOR_REFUSES");
  const std::size_t at = unwanted && *unwanted ? p.text.find(unwanted) : std::string::npos;
  if (at == std::string::npos) return false;
  const auto line = std::count(p.text.begin(), p.text.begin() + static_cast<std::ptrdiff_t>(at), '\n') + 1;
  p.log = "kernels.cu(" + std::to_string(line) + "): error: the emulator was told to refuse this\n";
  return true;
}

// The contents of the headers that a text includes from the given directories, and of those that they include, up to a depth.
std::string headers(const std::string &text, const std::vector<std::string> &options, int depth = 8) {
  static const std::string include = "#include ";
  std::string found;
  for (std::size_t at = text.find(include); at != std::string::npos; at = text.find(include, at + 1)) {
    const std::size_t start = at + include.size() + 1, end = text.find_first_of(">\"\n", start);
    for (const std::string &option : options) {
      if (option.rfind("-I", 0) != 0) continue;
      const std::string header = contents(option.substr(2) + "/" + text.substr(start, end - start));
      found += header;
      if (depth > 0) found += headers(header, options, depth - 1);
    }
  }
  return found;
}

// The path of NVIDIA's NVRTC, where what that makes of kernels is to run; null where the text itself is.
const char *realCompiler() {
  const char *path = std::getenv("PARPY_EMULATOR_NVRTC");
  return path && *path ? path : nullptr;
}

// The PTX that NVIDIA's NVRTC makes of a text, as C++. "" where NVRTC refuses the text, or makes instructions that the translation does
// not know, and then `log` says so.
std::string throughPTX(const std::string &text, const std::vector<std::string> &options, std::string &log) {
  static std::atomic<int> count = 0;
  const std::string stem = std::string(EMULATOR_CACHE) + "/ptx." + std::to_string(getpid()) + "." + std::to_string(count++);
  std::vector<std::string> words = {EMULATOR_PYTHON, "-S", "-c", EMULATOR_PTX, realCompiler(), stem + ".cu", stem + ".cpp"};
  words.insert(words.end(), options.begin(), options.end());
  std::ofstream(stem + ".cu", std::ios::binary) << text;
  const bool isTranslated = run(words, stem + ".log") == 0;
  const std::string result = isTranslated ? contents(stem + ".cpp") : "";
  if (!isTranslated) log += contents(stem + ".log");
  for (const char *end : {".cu", ".cpp", ".log"}) std::remove((stem + end).c_str());
  return result;
}

int32_t compile(Program &p, const std::vector<std::string> &extra, const std::vector<std::string> &options) {
  if (isRefused(p)) return compilation;
  const std::string text = realCompiler() ? throughPTX(p.text, options, p.log) : p.text;
  if (text.empty()) return compilation;
  const std::string source =
      "#line 1 \"kernels.cu\"\n" + text + "\n#line 1 \"registrations\"\n" + registrations(p.text);
  p.binary = library({{source, command(EMULATOR_COMPILE, extra)}}, EMULATOR_LINK, headers(p.text, extra), p.log);
  return p.binary.empty() ? compilation : success;
}

}  // namespace

EXPORT int32_t nvrtcVersion(int32_t *major, int32_t *minor) {
  // No NVRTC has this version, and no two states of the emulator the same: what others compiled is never taken for what this one does.
  *major = 9999;
  *minor = EMULATOR_STATE * 2 + (level() == "1");
  if (const char *path = realCompiler()) {
    struct stat file = {};
    stat(path, &file);
    const std::string state = path + std::to_string(file.st_size) + std::to_string(file.st_mtime);
    for (const char c : state) *minor = static_cast<int32_t>((static_cast<uint32_t>(*minor) * 31 + static_cast<unsigned char>(c)) & 0x3fffffff);
  }
  return success;
}

EXPORT const char *nvrtcGetErrorString(int32_t result) {
  switch (result) {
    case success: return "NVRTC_SUCCESS";
    case invalidProgram: return "NVRTC_ERROR_INVALID_PROGRAM";
    case invalidOption: return "NVRTC_ERROR_INVALID_OPTION";
    case compilation: return "NVRTC_ERROR_COMPILATION";
    default: return "NVRTC_ERROR unknown";
  }
}

EXPORT int32_t nvrtcGetNumSupportedArchs(int32_t *count) {
  *count = 1;
  return success;
}

EXPORT int32_t nvrtcGetSupportedArchs(int32_t *architectures) {
  architectures[0] = 90;
  return success;
}

EXPORT int32_t nvrtcCreateProgram(parpy_nvrtc_program *made, const char *text, const char *, int32_t,
                                  const char *const *, const char *const *) {
  *made = reinterpret_cast<parpy_nvrtc_program>(new Program{text, "", ""});
  return success;
}

EXPORT int32_t nvrtcDestroyProgram(parpy_nvrtc_program *p) {
  delete program(*p);
  *p = nullptr;
  return success;
}

EXPORT int32_t nvrtcCompileProgram(parpy_nvrtc_program p, int32_t count, const char *const *options) {
  std::vector<std::string> extra;
  const std::vector<std::string> all(options, options + count);
  for (int32_t i = 0; i < count; i++) {
    if (translate(options[i], extra)) continue;
    program(p)->log = std::string("the emulator does not know the option ") + options[i];
    return invalidOption;
  }
  return compile(*program(p), extra, all);
}

EXPORT int32_t nvrtcGetProgramLogSize(parpy_nvrtc_program p, size_t *size) {
  *size = program(p)->log.size() + 1;
  return success;
}

EXPORT int32_t nvrtcGetProgramLog(parpy_nvrtc_program p, char *log) {
  std::memcpy(log, program(p)->log.c_str(), program(p)->log.size() + 1);
  return success;
}

EXPORT int32_t nvrtcGetCUBINSize(parpy_nvrtc_program p, size_t *size) {
  if (program(p)->binary.empty()) return invalidProgram;
  *size = program(p)->binary.size();
  return success;
}

EXPORT int32_t nvrtcGetCUBIN(parpy_nvrtc_program p, char *binary) {
  if (program(p)->binary.empty()) return invalidProgram;
  std::memcpy(binary, program(p)->binary.data(), program(p)->binary.size());
  return success;
}

EXPORT int32_t nvrtcGetPTXSize(parpy_nvrtc_program, size_t *) { return invalidProgram; }

EXPORT int32_t nvrtcGetPTX(parpy_nvrtc_program, char *) { return invalidProgram; }

#define SAME(member, function) \
  static_assert(std::is_same_v<decltype(parpy_nvrtc::member), decltype(&function)>, #function);

SAME(version, nvrtcVersion)
SAME(error_text, nvrtcGetErrorString)
SAME(architecture_count, nvrtcGetNumSupportedArchs)
SAME(architectures, nvrtcGetSupportedArchs)
SAME(create_program, nvrtcCreateProgram)
SAME(destroy_program, nvrtcDestroyProgram)
SAME(compile, nvrtcCompileProgram)
SAME(log_size, nvrtcGetProgramLogSize)
SAME(log, nvrtcGetProgramLog)
SAME(cubin_size, nvrtcGetCUBINSize)
SAME(cubin, nvrtcGetCUBIN)
SAME(ptx_size, nvrtcGetPTXSize)
SAME(ptx, nvrtcGetPTX)
