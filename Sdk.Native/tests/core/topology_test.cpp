// Topology from trees like those of known machines: what is found, and how near it is to what.
#include "core/topology.hpp"

#include "sysfs_tree.hpp"

#include "transports/fabric/rail_nearness.hpp"

#include <gtest/gtest.h>

#include <map>

namespace nixl {
namespace {

std::string text(const char* format, int a, int b = 0) {
    char buffer[96];
    (void)std::snprintf(buffer, sizeof buffer, format, a, b);
    return buffer;
}

// Like an EC2 p5: two sockets, four PCIe switches each, below each one GPU and four EFA devices.
class P5 : public testing::Test {
  protected:
    void SetUp() override {
        tree.numa_nodes(2);
        for (int i = 0; i < 8; ++i) {
            const int bus = 0x10 + 0x10 * i;
            const std::string top = text("pci0000:%02x/0000:%02x:01.0/", bus, bus) + text("0000:%02x:00.0/", bus + 1);
            const int numa = i / 4;
            for (int j = 0; j < 4; ++j) {
                const std::string path =
                    top + text("0000:%02x:%02x.0/", bus + 2, j) + text("0000:%02x:00.0", bus + 3 + j);
                const auto device = tree.pci(path, numa, "0x1d0f", "0x020000", j == 0 && i == 0 ? "efa" : "");
                if (!(j == 0 && i == 0))
                    std::filesystem::create_directory_symlink(tree.sys() / "bus/pci/drivers/efa", device / "driver");
                tree.rdma(device, text("rdmap%ds%d", bus + 3 + j), "Unspecified", "100 Gb/sec (4X EDR)");
            }
            tree.pci(top + text("0000:%02x:08.0/", bus + 2) + text("0000:%02x:00.0", bus + 9), numa, "0x10de",
                     "0x030200");
        }
        const auto management = tree.pci("pci0000:00/0000:00:05.0", 0, "0x1d0f", "0x020000", "ena");
        tree.interface(management, "ens5", 0);
        tree.virtual_interface("lo");
        tree.pci("pci0000:00/0000:00:03.0", 0, "0x1d0f", "0x030000"); // a display that computes nothing
        nics = read_nics(tree.root());
        gpus = read_accelerators(tree.root());
    }
    test::sysfs_tree tree;
    std::vector<nic> nics;
    std::vector<accelerator> gpus;
};

TEST_F(P5, All_devices_are_found_and_what_they_are) {
    ASSERT_EQ(nics.size(), 33u);
    ASSERT_EQ(gpus.size(), 8u);
    EXPECT_EQ(numa_node_count(tree.root()), 2u);
    EXPECT_EQ(nics[0].name, "ens5");
    EXPECT_EQ(nics[0].kind, nic_kind::ethernet);
    EXPECT_FALSE(nics[0].up);
    EXPECT_EQ(nics[0].bits_per_second, 0u);
    uint64_t total = 0;
    for (size_t i = 1; i < nics.size(); ++i) {
        EXPECT_EQ(nics[i].kind, nic_kind::efa) << nics[i].name;
        EXPECT_TRUE(nics[i].up);
        EXPECT_EQ(nics[i].where.path.size(), 5u);
        total += nics[i].bits_per_second;
    }
    EXPECT_EQ(total, 3'200'000'000'000u);
    EXPECT_EQ(nics[1].name, "rdmap19s0"); // 9 before 10, not by letters
    EXPECT_EQ(gpus[0].vendor, 0x10de);
}

TEST_F(P5, Each_gpu_has_four_devices_behind_its_own_switch) {
    for (const accelerator& gpu : gpus) {
        std::map<pci_distance, int> count;
        for (const nic& n : nics)
            if (n.kind == nic_kind::efa)
                ++count[distance(n, gpu)];
        EXPECT_EQ(count[pci_distance::one_switch], 4) << gpu.address;
        EXPECT_EQ(count[pci_distance::numa_node], 12);
        EXPECT_EQ(count[pci_distance::system], 16);
        const auto order = nearest_first(nics, gpu.where);
        ASSERT_EQ(order.size(), nics.size());
        for (size_t i = 0; i + 1 < order.size(); ++i)
            EXPECT_LE(distance(nics[order[i]], gpu), distance(nics[order[i + 1]], gpu));
        EXPECT_EQ(distance(nics[order[3]], gpu), pci_distance::one_switch);
    }
}

TEST_F(P5, Host_memory_goes_by_its_numa_node) {
    const auto order = nearest_first(nics, {{}, 1});
    for (size_t i = 0; i < 16; ++i)
        EXPECT_EQ(nics[order[i]].where.numa_node, 1) << nics[order[i]].name;
    EXPECT_EQ(distance(nics[1], 0), pci_distance::numa_node);
    EXPECT_EQ(distance(nics[1], 1), pci_distance::system);
    EXPECT_EQ(distance(nics[1], -1), pci_distance::unknown);
}

TEST_F(P5, A_gpu_or_a_node_names_the_rails_near_it) {
    std::vector<std::string> devices = {"nothing-known"}; // as libfabric names them
    for (const nic& n : nics)
        devices.push_back(n.kind == nic_kind::efa ? n.name + "-rdm" : n.name);
    const auto nearest = [&](const std::string& place) {
        pci_location to;
        std::string why;
        EXPECT_TRUE(fabric::find_place(place, tree.root(), to, why)) << why;
        return fabric::nearest_devices(devices, nics, to);
    };
    for (const accelerator& gpu : gpus) {
        const auto rails = nearest(gpu.address);
        ASSERT_EQ(rails.size(), 4u) << gpu.address;
        for (const size_t i : rails)
            EXPECT_EQ(distance(nics[i - 1], gpu), pci_distance::one_switch) << devices[i];
    }
    EXPECT_EQ(nearest("node0").size(), 17u); // with the management interface, which a provider may list
    const auto second = nearest("node1");
    ASSERT_EQ(second.size(), 16u);
    for (const size_t i : second)
        EXPECT_EQ(nics[i - 1].where.numa_node, 1);
    pci_location to;
    std::string why;
    for (const char* place : {"node2", "node", "node1x", "node-1", "0000:ff:00.0", "53:00.0", ""})
        EXPECT_FALSE(fabric::find_place(place, tree.root(), to, why)) << place;
    EXPECT_NE(why.find("PCI address"), std::string::npos) << why;
    EXPECT_TRUE(fabric::nearest_devices(std::vector<std::string>{"nothing-known"}, nics, gpus[0].where).empty());
    EXPECT_TRUE(fabric::nearest_devices({}, nics, gpus[0].where).empty());
}

// Two sockets, two InfiniBand adapters with two functions, one RoCE adapter with a network interface, two GPUs.
TEST(Topology, A_box_with_two_sockets_and_infiniband) {
    test::sysfs_tree tree;
    tree.numa_nodes(2);
    const auto a0 = tree.pci("pci0000:15/0000:15:01.0/0000:16:00.0", 0, "0x15b3", "0x020700", "mlx5_core");
    const auto a1 = tree.pci("pci0000:15/0000:15:01.0/0000:16:00.1", 0, "0x15b3", "0x020700");
    const auto b0 = tree.pci("pci0000:97/0000:97:01.0/0000:98:00.0", 1, "0x15b3", "0x020700");
    const auto roce = tree.pci("pci0000:15/0000:15:02.0/0000:17:00.0", 0, "0x15b3", "0x020000");
    tree.rdma(a0, "mlx5_0", "InfiniBand", "400 Gb/sec (4X NDR)");
    tree.rdma(a1, "mlx5_1", "InfiniBand", "400 Gb/sec (4X NDR)", false);
    tree.rdma(b0, "mlx5_10", "InfiniBand", "200 Gb/sec (4X HDR)");
    tree.rdma(roce, "mlx5_2", "Ethernet", "25 Gb/sec (1X EDR)");
    tree.interface(a0, "ib0", 400'000);
    tree.interface(roce, "ens2f0", 25'000);
    const auto plain = tree.pci("pci0000:00/0000:00:1f.6", -1, "0x8086", "0x020000");
    tree.interface(plain, "eno1", 1000);
    tree.pci("pci0000:15/0000:15:03.0/0000:18:00.0", 0, "0x10de", "0x030200");
    tree.pci("pci0000:97/0000:97:02.0/0000:99:00.0", 1, "0x1002", "0x030000");
    const auto nics = read_nics(tree.root());
    ASSERT_EQ(nics.size(), 5u);
    EXPECT_EQ(nics[0].name, "eno1");
    EXPECT_EQ(nics[0].bits_per_second, 1'000'000'000u);
    EXPECT_EQ(nics[1].name, "mlx5_0");
    EXPECT_EQ(nics[1].kind, nic_kind::infiniband);
    EXPECT_EQ(nics[1].interfaces, std::vector<std::string>{"ib0"});
    EXPECT_EQ(nics[1].bits_per_second, 400'000'000'000u);
    EXPECT_FALSE(nics[2].up);
    EXPECT_EQ(nics[3].name, "mlx5_2");
    EXPECT_EQ(nics[3].kind, nic_kind::roce);
    EXPECT_EQ(nics[3].interfaces, std::vector<std::string>{"ens2f0"});
    EXPECT_EQ(nics[4].name, "mlx5_10") << "numbers in names count as numbers";
    EXPECT_EQ(distance(nics[1], nics[1]), pci_distance::same);
    EXPECT_EQ(distance(nics[1], nics[2]), pci_distance::one_switch);
    EXPECT_EQ(distance(nics[1], nics[3]), pci_distance::host_bridge);
    EXPECT_EQ(distance(nics[1], nics[4]), pci_distance::system);
    EXPECT_EQ(distance(nics[0], nics[1]), pci_distance::unknown);
    const auto gpus = read_accelerators(tree.root());
    ASSERT_EQ(gpus.size(), 2u);
    EXPECT_EQ(distance(nics[1], gpus[0]), pci_distance::host_bridge);
    EXPECT_EQ(distance(nics[4], gpus[1]), pci_distance::host_bridge);
    EXPECT_EQ(distance(nics[4], gpus[0]), pci_distance::system);
}

TEST(Topology, A_machine_without_any_of_it) {
    test::sysfs_tree tree;
    EXPECT_TRUE(read_nics(tree.root()).empty());
    EXPECT_TRUE(read_accelerators(tree.root()).empty());
    EXPECT_EQ(numa_node_count(tree.root()), 1u);
    EXPECT_TRUE(read_nics(tree.root() + "/no/such/folder").empty());
    EXPECT_TRUE(nearest_first({}, {}).empty());
}

TEST(Topology, Damaged_files_are_unknown_values_not_failures) {
    test::sysfs_tree tree;
    const auto device = tree.pci("pci0000:15/0000:15:01.0", 0, "0x15b3", "0x020700");
    std::ofstream(device / "numa_node") << "many";
    tree.rdma(device, "mlx5_0", "InfiniBand", "a lot");
    std::filesystem::create_directories(tree.sys() / "class/infiniband/hollow");
    std::filesystem::create_symlink("nowhere", tree.sys() / "class/infiniband/broken");
    const auto nics = read_nics(tree.root());
    ASSERT_EQ(nics.size(), 3u);
    EXPECT_EQ(nics[2].name, "mlx5_0");
    EXPECT_EQ(nics[2].where.numa_node, -1);
    EXPECT_EQ(nics[2].bits_per_second, 0u);
    EXPECT_EQ(nics[2].where.path, (std::vector<std::string>{"pci0000:15", "0000:15:01.0"}));
}

TEST(Topology, This_machine_can_be_read) {
    for (const nic& n : read_nics())
        EXPECT_FALSE(n.name.empty());
    (void)read_accelerators();
    EXPECT_GE(numa_node_count(), 1u);
}

} // namespace
} // namespace nixl
