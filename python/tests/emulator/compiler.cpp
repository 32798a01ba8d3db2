#include "compiler.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"

extern char **environ;

namespace {

// 128 bits by FNV-1a with two starts: the name of a file, not a secret.
std::string hash(const std::string &text) {
  std::uint64_t a = 0xcbf29ce484222325ull, b = 0x9ae16a3b2f90404full;
  for (const char c : text) {
    a = (a ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    b = (b ^ static_cast<unsigned char>(c)) * 0x100000001b3ull + (a >> 29);
  }
  char digits[33];
  std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(a),
                static_cast<unsigned long long>(b));
  return digits;
}

std::vector<std::string> lines(const std::string &text) {
  std::vector<std::string> found;
  std::size_t start = 0;
  for (std::size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    if (end > start) found.push_back(text.substr(start, end - start));
  }
  if (start < text.size()) found.push_back(text.substr(start));
  return found;
}

}  // namespace

int run(const std::vector<std::string> &words, const std::string &output) {
  std::vector<char *> arguments;
  for (const std::string &word : words) arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  const int failed = posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) return failed;
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

namespace {

std::string packed(const std::string &library) {
  std::string result(kMagic, 8);
  const std::uint64_t size = library.size();
  result.append(reinterpret_cast<const char *>(&size), 8);
  return result + library;
}

// Compiles each source and links the objects; what the compiler and the linker say becomes the log.
bool build(const std::string &stem, const std::vector<Source> &sources, const char *link, std::string &log) {
  const std::string said = stem + ".log";
  std::vector<std::string> files{said}, linking = lines(link);
  bool isBuilt = true;
  for (std::size_t i = 0; i < sources.size() && isBuilt; i++) {
    const std::string file = stem + "-" + std::to_string(i) + ".cpp", object = file + ".o";
    std::ofstream(file, std::ios::binary) << sources[i].text;
    std::vector<std::string> words = sources[i].command;
    words.insert(words.end(), {"-c", file, "-o", object});
    isBuilt = run(words, said) == 0;
    log += contents(said);
    linking.push_back(object);
    files.insert(files.end(), {file, object});
  }
  if (isBuilt) {
    linking.insert(linking.end(), {"-o", stem + ".so"});
    isBuilt = run(linking, said) == 0;
    log += contents(said);
  }
  for (const std::string &used : files) std::remove(used.c_str());
  return isBuilt;
}

}  // namespace

std::string contents(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string level() {
  const char *text = std::getenv("PARPY_EMULATOR_LEVEL");
  return text && std::string(text) == "1" ? "1" : "0";
}

std::vector<std::string> command(const char *recipe, const std::vector<std::string> &extra) {
  static const std::string mark = "{level}";
  std::vector<std::string> words;
  for (std::string word : lines(recipe)) {
    const std::size_t at = word.find(mark);
    if (at != std::string::npos) word.replace(at, mark.size(), level());
    // Words for one level alone.
    const bool isOfOne = word.rfind("0:", 0) == 0 || word.rfind("1:", 0) == 0;
    if (!isOfOne || word[0] == level()[0]) words.push_back(isOfOne ? word.substr(2) : word);
  }
  words.insert(words.end(), extra.begin(), extra.end());
  return words;
}

std::string library(const std::vector<Source> &sources, const char *link, const std::string &key, std::string &log) {
  std::string all = key + link;
  for (const Source &source : sources) {
    all += source.text;
    for (const std::string &word : source.command) all += "\n" + word;
  }
  const std::string stem = std::string(EMULATOR_CACHE) + "/" + hash(all);
  const std::string made = stem + ".so", own = stem + "." + std::to_string(getpid());
  if (access(made.c_str(), R_OK) != 0) {
    if (!build(own, sources, link, log)) return "";
    std::rename((own + ".so").c_str(), made.c_str());
  }
  return packed(contents(made));
}
