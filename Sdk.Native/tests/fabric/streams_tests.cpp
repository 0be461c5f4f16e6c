// What cutting connections does to the process's other descriptors: nothing.
#include "transports/fabric/streams.hpp"

#include "control/unique_fd.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

namespace nixl::fabric {
namespace {

using control::unique_fd;

struct listener {
    unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ::sockaddr_in address{};
    listener() {
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::socklen_t size = sizeof address;
        EXPECT_EQ(0, ::bind(fd.get(), reinterpret_cast<::sockaddr*>(&address), size));
        EXPECT_EQ(0, ::listen(fd.get(), 8));
        EXPECT_EQ(0, ::getsockname(fd.get(), reinterpret_cast<::sockaddr*>(&address), &size));
    }
    const ::sockaddr* where() const { return reinterpret_cast<const ::sockaddr*>(&address); }
    std::pair<unique_fd, unique_fd> connect() {
        unique_fd ours(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(0, ::connect(ours.get(), where(), sizeof address));
        return {std::move(ours), unique_fd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC))};
    }
};

// A lock is told to other processes only.
bool locked_for_others(const std::string& path) {
    const pid_t other = ::fork();
    if (other == 0) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        struct flock asked {};
        asked.l_type = F_WRLCK;
        asked.l_whence = SEEK_SET;
        ::_exit(fd >= 0 && ::fcntl(fd, F_GETLK, &asked) == 0 && asked.l_type != F_UNLCK ? 1 : 0);
    }
    int status = 0;
    EXPECT_EQ(other, ::waitpid(other, &status, 0));
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

TEST(Streams, Connections_to_one_address_end_and_those_to_others_do_not) {
    listener meant;
    listener other;
    const auto [cut, cut_end] = meant.connect();
    const auto [kept, kept_end] = other.connect();
    EXPECT_EQ(1u, cut_streams_to(meant.where(), sizeof meant.address));
    char byte = 'x';
    EXPECT_EQ(0, ::recv(cut.get(), &byte, 1, 0));
    EXPECT_EQ(0, ::recv(cut_end.get(), &byte, 1, 0));
    EXPECT_EQ(1, ::send(kept.get(), &byte, 1, MSG_NOSIGNAL));
    EXPECT_EQ(1, ::recv(kept_end.get(), &byte, 1, 0));
}

TEST(Streams, The_hosts_locks_on_its_files_stay) {
    std::string path = ::testing::TempDir() + "nixl-lock-XXXXXX";
    const unique_fd file(::mkstemp(path.data()));
    ASSERT_TRUE(file);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    ASSERT_EQ(0, ::fcntl(file.get(), F_SETLK, &lock));
    ASSERT_TRUE(locked_for_others(path));
    listener meant;
    const auto [cut, cut_end] = meant.connect();
    EXPECT_EQ(1u, cut_streams_to(meant.where(), sizeof meant.address));
    EXPECT_TRUE(locked_for_others(path));
    (void)::unlink(path.c_str());
}

} // namespace
} // namespace nixl::fabric
