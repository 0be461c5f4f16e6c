using System.Globalization;
using System.Text;

namespace Nixl.Sdk;

/// <summary>Writes an <see cref="AgentInfo"/> for people.</summary>
internal static class AgentInfoText
{
    internal static string Write(AgentInfo info)
    {
        var text = new StringBuilder();
        Line(text, $"agent {info.Agent} ({info.Library})");
        foreach (var transport in info.Transports) Write(text, transport);
        if (info.Machine is { } machine) Write(text, machine);
        return text.ToString().TrimEnd();
    }

    private static void Write(StringBuilder text, TransportInfo transport)
    {
        if (!transport.Available)
        {
            Line(text, $"transport {transport.Transport}: not available: {transport.Reason}");
            return;
        }
        Line(text, $"transport {transport.Transport}: {transport.Provider}, {transport.Library}");
        if (transport.LibraryFile is { } file) Line(text, $"  library   {file} ({transport.LibraryReason})");
        if (transport.ProviderReason is { } reason) Line(text, $"  provider  {transport.Provider}: {reason}");
        for (var i = 0; i < (transport.Rails?.Count ?? 0); i++)
        {
            var rail = transport.Rails![i];
            Line(text, $"  rail {i}    {rail.Device}{(rail.Address is { } address ? $", {address}" : "")}");
        }
        foreach (var (name, value) in transport.Limits ?? new Dictionary<string, ulong>()) Line(text, $"  {name} {value}");
    }

    private static void Write(StringBuilder text, MachineInfo machine)
    {
        Line(text, $"machine: NUMA nodes {machine.NumaNodes}, network devices {machine.Nics.Count}, accelerators {machine.Accelerators.Count}");
        foreach (var nic in machine.Nics)
        {
            var speed = nic.BitsPerSecond > 0 ? $"{nic.BitsPerSecond / 1e9:0.#} Gbit/s" : "speed unknown";
            var same = nic.Interfaces.Count > 0 && nic.Interfaces[0] != nic.Name ? $", interface {string.Join(' ', nic.Interfaces)}" : "";
            Line(text, $"  nic {nic.Name}: {nic.Kind}, {(nic.Up ? "up" : "down")}, {speed}, {Place(nic.Pci, nic.NumaNode)}{same}");
        }
        foreach (var accelerator in machine.Accelerators)
        {
            Line(text, $"  accelerator {accelerator.Pci} (vendor {accelerator.Vendor:x4}): {Place(null, accelerator.NumaNode)}, "
                + $"nearest by {accelerator.NearestDistance}: {string.Join(' ', accelerator.Nearest)}");
        }
    }

    private static string Place(string? pci, int numaNode) =>
        (pci is null ? "" : $"PCI {pci}, ") + (numaNode < 0 ? "NUMA node unknown" : string.Create(CultureInfo.InvariantCulture, $"NUMA node {numaNode}"));

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}
