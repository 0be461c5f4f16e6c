using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Tests.Interop;

/// <summary>Every struct, field and enum value of ours against what the library itself says of its header.</summary>
public unsafe class AbiLayoutTests
{
    private static readonly Dictionary<string, Type> Structs = new()
    {
        ["nixl_error"] = typeof(NativeError),
        ["nixl_agent_params"] = typeof(NativeAgentParams),
        ["nixl_arena_params"] = typeof(NativeArenaParams),
        ["nixl_arena_info"] = typeof(NativeArenaInfo),
        ["nixl_region_params"] = typeof(NativeRegionParams),
        ["nixl_region_info"] = typeof(NativeRegionInfo),
        ["nixl_strided_region"] = typeof(StridedRegion),
        ["nixl_list_params"] = typeof(NativeListParams),
        ["nixl_list_info"] = typeof(NativeListInfo),
        ["nixl_peer_params"] = typeof(NativePeerParams),
        ["nixl_peer_info"] = typeof(NativePeerInfo),
        ["nixl_rail_info"] = typeof(NativeRailInfo),
        ["nixl_request_header"] = typeof(NativeRequestHeader),
        ["nixl_post_params"] = typeof(NativePostParams),
        ["nixl_notification_params"] = typeof(NativeNotificationParams),
        ["nixl_event"] = typeof(NativeEvent),
        ["nixl_notification"] = typeof(NativeNotification),
        ["nixl_transport_counters"] = typeof(NativeTransportCounters),
        ["nixl_loopback_faults"] = typeof(NativeLoopbackFaults),
    };

    private static readonly Dictionary<string, (Type Type, string Prefix)> Enums = new()
    {
        ["nixl_status"] = (typeof(NixlStatus), "NIXL_"),
        ["nixl_memory_kind"] = (typeof(MemoryKind), "NIXL_MEMORY_"),
        ["nixl_op"] = (typeof(TransferOperation), "NIXL_OP_"),
        ["nixl_transport"] = (typeof(NixlTransports), "NIXL_TRANSPORT_"),
        ["nixl_list_mode"] = (typeof(ListMode), "NIXL_LIST_"),
        ["nixl_packing"] = (typeof(PackingMode), "NIXL_PACKING_"),
        ["nixl_event_kind"] = (typeof(NativeEventKind), "NIXL_EVENT_"),
        ["nixl_event_flags"] = (typeof(NativeEventFlags), "NIXL_EVENT_"),
        ["nixl_peer_state"] = (typeof(PeerState), "NIXL_PEER_"),
        ["nixl_rail_state"] = (typeof(RailState), "NIXL_RAIL_"),
        ["nixl_post_flags"] = (typeof(NativePostFlags), "NIXL_POST_"),
        ["nixl_wait"] = (typeof(NativeWait), "NIXL_WAIT_"),
    };

    // Where the C name, without its prefix and underscores, is not ours.
    private static readonly Dictionary<string, string> Spellings = new() { ["INVALIDPARAM"] = "INVALIDPARAMETER" };

    [Fact]
    public void Structs_are_the_librarys()
    {
        using var description = Describe();
        var structs = description.RootElement.GetProperty("structs");
        Assert.Equal(
            Structs.Keys.Order(StringComparer.Ordinal), structs.EnumerateObject().Select(s => s.Name).Order(StringComparer.Ordinal));
        foreach (var (name, type) in Structs)
        {
            var native = structs.GetProperty(name);
            Assert.True(native.GetProperty("size").GetInt32() == SizeOf(type), $"{name}: size {native.GetProperty("size")} against {SizeOf(type)}");
            var fields = type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
                .ToDictionary(f => Fold(FieldName(f)), StringComparer.Ordinal);
            foreach (var field in native.GetProperty("fields").EnumerateObject())
            {
                Assert.True(fields.Remove(Fold(field.Name), out var ours), $"{name}.{field.Name} has no counterpart");
                var (offset, size) = (field.Value[0].GetInt32(), field.Value[1].GetInt32());
                Assert.True(offset == (int)Marshal.OffsetOf(type, ours!.Name), $"{name}.{field.Name}: offset {offset} against {Marshal.OffsetOf(type, ours.Name)}");
                Assert.True(size == SizeOf(ours.FieldType), $"{name}.{field.Name}: size {size} against {SizeOf(ours.FieldType)}");
            }

            Assert.True(fields.Count == 0, $"{name} has no {string.Join(", ", fields.Keys)}");
        }
    }

    [Fact]
    public void Enum_values_are_the_librarys()
    {
        using var description = Describe();
        var enums = description.RootElement.GetProperty("enums");
        Assert.Equal(Enums.Keys.Order(StringComparer.Ordinal), enums.EnumerateObject().Select(e => e.Name).Order(StringComparer.Ordinal));
        foreach (var (name, (type, prefix)) in Enums)
        {
            var ours = Enum.GetNames(type).ToDictionary(
                n => n.ToUpperInvariant(), n => Convert.ToInt64(Enum.Parse(type, n), null), StringComparer.Ordinal);
            foreach (var value in enums.GetProperty(name).EnumerateObject())
            {
                var folded = value.Name[prefix.Length..];
                if (type == typeof(NixlStatus) && folded.StartsWith("ERR_", StringComparison.Ordinal))
                    folded = folded[4..];
                folded = folded.Replace("_", "", StringComparison.Ordinal);
                folded = Spellings.GetValueOrDefault(folded, folded);
                Assert.True(ours.Remove(folded, out var number), $"{type.Name} has no counterpart of {value.Name}");
                Assert.True(value.Value.GetInt64() == number, $"{value.Name} is {value.Value}, {type.Name}.{folded} is {number}");
            }

            // Sets of flags have names for "none" and "all", which the C side does not need.
            Assert.DoesNotContain(ours, o => o.Key is not ("NONE" or "ALL"));
        }
    }

    [Fact]
    public void The_version_and_the_limits_are_the_librarys()
    {
        NativeLoader.EnsureLoaded();
        Assert.Equal(NativeConstants.AbiVersion, NativeMethods.AbiVersion());
        Assert.Contains("REMOTE_DISCONNECT", Text(NativeMethods.StatusName(-10)), StringComparison.Ordinal);
        Assert.Equal(56, Unsafe.SizeOf<StridedRegion>());
        Assert.Equal(32, Unsafe.SizeOf<MemoryDescriptor>());
    }

    private static JsonDocument Describe()
    {
        NativeLoader.EnsureLoaded();
        return JsonDocument.Parse(Text(NativeMethods.AbiDescribe()));
    }

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text)!;

    private static int SizeOf(Type type) => type.IsPointer ? sizeof(nint)
        : type.IsEnum ? SizeOf(Enum.GetUnderlyingType(type))
        : (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    private static string FieldName(FieldInfo field) =>
        field.Name.StartsWith('<') ? field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)] : field.Name;

    private static string Fold(string name) => name.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();
}
