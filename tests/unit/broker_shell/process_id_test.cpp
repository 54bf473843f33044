// getpid() as broker/process_id.cpp has it.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

pid_t as_the_kernel_says() {
  return static_cast<pid_t>(syscall(SYS_getpid));
}

TEST(ProcessId, IsTheKernels) {
  EXPECT_EQ(getpid(), as_the_kernel_says());
  EXPECT_EQ(getpid(), as_the_kernel_says());
}

TEST(ProcessId, OfAChildIsItsOwn) {
  const pid_t own = getpid();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(getpid() == as_the_kernel_says() && getppid() == own ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(getpid(), own);
}

// Whoever looks the name up, as libraries do for their calls, finds the program's own.
TEST(ProcessId, IsTheOneThatLibrariesCall) {
  void* found = dlsym(RTLD_DEFAULT, "getpid");
  ASSERT_NE(found, nullptr);
  Dl_info where{};
  Dl_info here{};
  ASSERT_NE(dladdr(found, &where), 0);
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&as_the_kernel_says), &here), 0);
  EXPECT_EQ(where.dli_fbase, here.dli_fbase) << where.dli_fname;
}

}  // namespace
