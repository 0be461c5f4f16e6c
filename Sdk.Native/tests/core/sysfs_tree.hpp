// A folder that looks like /sys of some machine, for tests of what is read from it.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace nixl::test {

class sysfs_tree {
  public:
    sysfs_tree() {
        std::string name = (std::filesystem::temp_directory_path() / "nixl-sysfs-XXXXXX").string();
        root_ = ::mkdtemp(name.data());
        std::filesystem::create_directories(sys());
    }
    ~sysfs_tree() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }
    sysfs_tree(const sysfs_tree&) = delete;
    sysfs_tree& operator=(const sysfs_tree&) = delete;

    std::string root() const { return root_.string(); }

    void numa_nodes(int count) {
        for (int i = 0; i < count; ++i)
            std::filesystem::create_directories(sys() / "devices/system/node" / ("node" + std::to_string(i)));
    }

    // `path` as in sysfs: "pci0000:10/0000:10:01.0/0000:11:00.0".
    std::filesystem::path pci(const std::string& path, int numa, const std::string& vendor, const std::string& kind,
                              const std::string& driver = {}) {
        const std::filesystem::path device = sys() / "devices" / path;
        write(device / "numa_node", std::to_string(numa));
        write(device / "vendor", vendor);
        write(device / "class", kind);
        link(sys() / "bus/pci/devices" / device.filename(), device);
        if (!driver.empty()) {
            std::filesystem::create_directories(sys() / "bus/pci/drivers" / driver);
            link(device / "driver", sys() / "bus/pci/drivers" / driver);
        }
        return device;
    }
    void rdma(const std::filesystem::path& device, const std::string& name, const std::string& layer,
              const std::string& rate, bool up = true) {
        const std::filesystem::path entry = device / "infiniband" / name;
        write(entry / "ports/1/link_layer", layer);
        write(entry / "ports/1/rate", rate);
        write(entry / "ports/1/state", up ? "4: ACTIVE" : "1: DOWN");
        link(entry / "device", device);
        link(sys() / "class/infiniband" / name, entry);
    }
    void interface(const std::filesystem::path& device, const std::string& name, int megabits) {
        const std::filesystem::path entry = device / "net" / name;
        write(entry / "speed", std::to_string(megabits));
        write(entry / "operstate", megabits > 0 ? "up" : "down");
        link(entry / "device", device);
        link(sys() / "class/net" / name, entry);
    }
    void virtual_interface(const std::string& name) {
        const std::filesystem::path entry = sys() / "devices/virtual/net" / name;
        write(entry / "operstate", "unknown");
        link(sys() / "class/net" / name, entry);
    }
    std::filesystem::path sys() const { return root_ / "sys"; }

  private:
    static void write(const std::filesystem::path& file, const std::string& text) {
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text << '\n';
    }
    static void link(const std::filesystem::path& at, const std::filesystem::path& to) {
        std::filesystem::create_directories(at.parent_path());
        std::filesystem::create_symlink(std::filesystem::relative(to, at.parent_path()), at);
    }

    std::filesystem::path root_;
};

} // namespace nixl::test
