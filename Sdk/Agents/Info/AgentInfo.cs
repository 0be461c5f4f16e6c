using System.Text.Json;

namespace Nixl.Sdk;

/// <summary>
/// What an agent can use and why: transports, libraries, providers, rails, limits, and this machine's network devices and accelerators.
/// <see cref="ToString"/> is a text for people, as <c>fi_info</c> prints one.
/// </summary>
/// <param name="Library">The native library and its version.</param>
/// <param name="Agent">The agent's name.</param>
/// <param name="Transports">All transports that there are, also those that are not available.</param>
/// <param name="Machine">This machine's devices; null where nobody looked (the fake transport).</param>
public sealed record AgentInfo(string Library, string Agent, IReadOnlyList<TransportInfo> Transports, MachineInfo? Machine = null)
{
    /// <summary>A text of several lines for people.</summary>
    public override string ToString() => AgentInfoText.Write(this);

    /// <summary>Reads what <see cref="NixlAgent.Describe"/> returns; members that this version does not know are ignored.</summary>
    internal static AgentInfo Parse(string json) =>
        JsonSerializer.Deserialize(json, AgentInfoJson.Default.AgentInfo) ?? throw new JsonException("The description is empty.");
}

/// <summary>One transport of an agent.</summary>
/// <param name="Transport"><c>loopback</c>, <c>local</c>, <c>fabric</c> or <c>fake</c>.</param>
/// <param name="Available">Whether it could be opened.</param>
/// <param name="Reason">Why not.</param>
/// <param name="Library">The library that moves the data, with its version.</param>
/// <param name="LibraryFile">The file that was loaded, where it was a choice.</param>
/// <param name="LibraryReason">Why this one.</param>
/// <param name="Provider">The provider within the library.</param>
/// <param name="ProviderReason">Why this one, and why none before it.</param>
/// <param name="Limits">Numbers by name, for example <c>max_message_bytes</c>.</param>
/// <param name="Rails">The devices in use, in their order.</param>
public sealed record TransportInfo(
    string Transport, bool Available, string? Reason = null, string? Library = null, string? LibraryFile = null, string? LibraryReason = null,
    string? Provider = null, string? ProviderReason = null, IReadOnlyDictionary<string, ulong>? Limits = null, IReadOnlyList<RailInfo>? Rails = null);

/// <summary>A device that a transport uses.</summary>
/// <param name="Device">Its name, as in <see cref="MachineInfo.Nics"/>.</param>
/// <param name="Address">The IP address that it sends from, where it has one.</param>
public sealed record RailInfo(string Device, string? Address = null);

/// <summary>What is in this machine, as the kernel says.</summary>
/// <param name="NumaNodes">NUMA nodes.</param>
/// <param name="Nics">RDMA devices, and network interfaces on a device that has none.</param>
/// <param name="Accelerators">GPUs and their like.</param>
public sealed record MachineInfo(int NumaNodes, IReadOnlyList<NicInfo> Nics, IReadOnlyList<AcceleratorInfo> Accelerators);

/// <summary>A network device.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind"><c>ethernet</c>, <c>infiniband</c>, <c>roce</c> or <c>efa</c>.</param>
/// <param name="Up">Whether its port is active.</param>
/// <param name="BitsPerSecond">Its speed; 0 where the kernel does not say.</param>
/// <param name="NumaNode">The NUMA node that it is at; −1 where the kernel does not say.</param>
/// <param name="Interfaces">Network interfaces of the same device.</param>
/// <param name="Pci">Its PCI address, if it has one.</param>
public sealed record NicInfo(string Name, string Kind, bool Up, long BitsPerSecond, int NumaNode, IReadOnlyList<string> Interfaces, string? Pci = null);

/// <summary>A GPU or its like.</summary>
/// <param name="Pci">Its PCI address.</param>
/// <param name="Vendor">The vendor's PCI number.</param>
/// <param name="NumaNode">The NUMA node that it is at; −1 where the kernel does not say.</param>
/// <param name="NearestDistance">What is between it and the nearest network devices.</param>
/// <param name="Nearest">Those.</param>
public sealed record AcceleratorInfo(string Pci, int Vendor, int NumaNode, string NearestDistance, IReadOnlyList<string> Nearest);
