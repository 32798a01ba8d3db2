// Makes libraries of kernels with the compiler of the system, each once: they are kept beside this library.
#pragma once

#include <string>
#include <vector>

// A text, and the command that makes an object of it, without its files.
struct Source {
  std::string text;
  std::vector<std::string> command;
};

// 0, which is compiled soonest; or 1: optimised, trusting what the text says of its pointers, and every access is watched.
std::string level();

// The words of a command at that level, a line each in `recipe`; those for one level alone begin with `0:` or `1:`.
std::vector<std::string> command(const char *recipe, const std::vector<std::string> &extra = {});

// Runs a program; what it prints goes to a file.
int run(const std::vector<std::string> &words, const std::string &output);

// What a file holds; "" where there is none.
std::string contents(const std::string &path);

// The library of some sources, as `Module::load` takes it; "" where they are refused, and then `log` says why.
//
// `key` is what else the result depends on.
std::string library(const std::vector<Source> &, const char *link, const std::string &key, std::string &log);
