using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Layouts.Tests.Layouts;

// Every form of type that may carry a layout.

[KvLayout(KvOrder.SplitNhd, Layers = 2, BlockTokens = 4, KvHeads = 2)]
internal sealed partial class ClassLayout
{
    [KvComponent(Float16, 8)] internal static partial KvComponent Key { get; }
    [KvComponent(Float16, 8)] internal static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.SplitNhd, Layers = 2, BlockTokens = 4, KvHeads = 2)]
internal sealed partial record RecordLayout(int Something)
{
    [KvComponent(Float16, 8)] public static partial KvComponent Key { get; }
    [KvComponent(Float16, 8)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.SplitNhd, Layers = 2, BlockTokens = 4, KvHeads = 2)]
public readonly partial record struct RecordStructLayout
{
    [KvComponent(Float16, 8)] public static partial KvComponent Key { get; }
    [KvComponent(Float16, 8)] public static partial KvComponent Value { get; }
}

public static partial class Outer
{
    internal partial interface IInner
    {
        [KvLayout(KvOrder.SplitNhd, Layers = 2, BlockTokens = 4, KvHeads = 2)]
        internal readonly partial struct @struct
        {
            [KvComponent(Float16, 8)] public static partial KvComponent @event { get; }
            [KvComponent(Float16, 8)] public static partial KvComponent Value { get; }
        }
    }
}
