// getpid() of memory, in front of libc's.
//
// libzmq asks for the process's id whenever it looks whether another thread has told it something,
// and whenever it tells another: of the system calls of a broker's thread under load, nearly half
// are getpid(). glibc kept the answer itself up to version 2.24. Here it stands on a page that the
// kernel clears in a child (MADV_WIPEONFORK), so that a process that forks has the child's own id
// there. A child of vfork() would see its parent's: the broker starts no processes.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <new>

namespace {

// Null, as long as there is no such page, or where the kernel has none (before 4.14).
std::atomic<std::atomic<pid_t>*> kept{nullptr};

[[gnu::constructor]] void find_room() {
  const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* page = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  if (madvise(page, size, MADV_WIPEONFORK) != 0) {
    munmap(page, size);
    return;
  }
  kept = new (page) std::atomic<pid_t>{0};
}

pid_t ask() {
  return static_cast<pid_t>(syscall(SYS_getpid));
}

}  // namespace

extern "C" pid_t getpid() noexcept {
  std::atomic<pid_t>* id = kept.load(std::memory_order_acquire);
  if (id == nullptr) return ask();
  pid_t known = id->load(std::memory_order_relaxed);
  if (known == 0) {
    known = ask();
    id->store(known, std::memory_order_relaxed);
  }
  return known;
}
