using System.Text.Json;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Agents;

/// <summary>What an agent says about itself and the machine.</summary>
public class InfoTests
{
    private const string Described =
        """
        {"library":"nixlsdk 1.2.3","agent":"decode-0","new_in_a_later_version":[1],"transports":[
        {"transport":"loopback","available":false,"reason":"not among the agent's transports"},
        {"transport":"fabric","available":true,"library":"libfabric 2.4","library_file":"/opt/amazon/efa/lib64/libfabric.so.1",
        "library_reason":"a vendor's build","provider":"efa","provider_reason":"there is an EFA device",
        "limits":{"max_message_bytes":18446744073709551615,"immediate_bytes":4},
        "rails":[{"device":"rdmap19s0"},{"device":"rdmap20s0","address":"10.0.0.7"}]}],
        "machine":{"numa_nodes":2,"nics":[
        {"name":"rdmap19s0","kind":"efa","up":true,"bits_per_second":100000000000,"pci":"0000:13:00.0","numa_node":0,"interfaces":[]},
        {"name":"mlx5_0","kind":"roce","up":false,"bits_per_second":0,"numa_node":-1,"interfaces":["ens2f0"]}],
        "accelerators":[{"pci":"0000:19:00.0","vendor":4318,"numa_node":0,"nearest_distance":"one PCIe switch","nearest":["rdmap19s0"]}]}}
        """;

    [Fact]
    public void A_description_is_read_whole()
    {
        var info = AgentInfo.Parse(Described);
        Assert.Equal(("nixlsdk 1.2.3", "decode-0", 2), (info.Library, info.Agent, info.Transports.Count));
        Assert.Equal(new TransportInfo("loopback", false, "not among the agent's transports"), info.Transports[0]);
        var fabric = info.Transports[1];
        Assert.True(fabric.Available);
        Assert.Equal(("efa", "there is an EFA device"), (fabric.Provider, fabric.ProviderReason));
        Assert.Equal(("libfabric 2.4", "/opt/amazon/efa/lib64/libfabric.so.1", "a vendor's build"), (fabric.Library, fabric.LibraryFile, fabric.LibraryReason));
        Assert.Equal(ulong.MaxValue, fabric.Limits!["max_message_bytes"]);
        Assert.Equal([new RailInfo("rdmap19s0"), new RailInfo("rdmap20s0", "10.0.0.7")], fabric.Rails!);
        Assert.Equal(2, info.Machine!.NumaNodes);
        Assert.Equal((100_000_000_000, "0000:13:00.0", 0), (info.Machine.Nics[0].BitsPerSecond, info.Machine.Nics[0].Pci, info.Machine.Nics[0].NumaNode));
        Assert.Equal(["ens2f0"], info.Machine.Nics[1].Interfaces);
        Assert.Equal(["rdmap19s0"], info.Machine.Accelerators[0].Nearest);
        Assert.Equal(0x10de, info.Machine.Accelerators[0].Vendor);
    }

    [Fact]
    public void Its_text_is_for_people() => Assert.Equal(
        """
        agent decode-0 (nixlsdk 1.2.3)
        transport loopback: not available: not among the agent's transports
        transport fabric: efa, libfabric 2.4
          library   /opt/amazon/efa/lib64/libfabric.so.1 (a vendor's build)
          provider  efa: there is an EFA device
          rail 0    rdmap19s0
          rail 1    rdmap20s0, 10.0.0.7
          max_message_bytes 18446744073709551615
          immediate_bytes 4
        machine: NUMA nodes 2, network devices 2, accelerators 1
          nic rdmap19s0: efa, up, 100 Gbit/s, PCI 0000:13:00.0, NUMA node 0
          nic mlx5_0: roce, down, speed unknown, NUMA node unknown, interface ens2f0
          accelerator 0000:19:00.0 (vendor 10de): NUMA node 0, nearest by one PCIe switch: rdmap19s0
        """,
        AgentInfo.Parse(Described).ToString());

    [Fact]
    public void What_is_no_description_is_refused() => Assert.Throws<JsonException>(() => AgentInfo.Parse("{\"library\":"));

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Every_backend_tells_what_it_uses(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        var info = pair.A.GetInfo();
        Assert.Equal(pair.A.Name, info.Agent);
        var used = Assert.Single(info.Transports, transport => transport.Available);
        Assert.False(string.IsNullOrEmpty(used.Provider));
        Assert.All(info.Transports.Where(transport => !transport.Available), transport => Assert.False(string.IsNullOrEmpty(transport.Reason)));
        if (used.Transport != "fabric") return;
        Assert.NotEmpty(used.Rails!);
        Assert.True(File.Exists(used.LibraryFile), used.LibraryFile);
        Assert.False(string.IsNullOrEmpty(used.LibraryReason));
        Assert.Contains(used.Provider, used.ProviderReason + info, StringComparison.Ordinal);
        Assert.True(used.Limits!["max_message_bytes"] > 0);
    }
}
