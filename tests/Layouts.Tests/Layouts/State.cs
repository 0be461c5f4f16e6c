using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Layouts.Tests.Layouts;

[KvLayout(KvOrder.State, Layers = 23, PageAlign = 4096, TpSizes = [1, 2, 4, 8])]
public readonly partial struct NemotronState
{
    [KvComponent(BFloat16, 4096, 3, Shard = KvShard.Units, Units = 64)] public static partial KvComponent X { get; }
    [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent B { get; }
    [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent C { get; }
    [KvComponent(Float32, 64, 64, 128, Shard = KvShard.Units, Units = 64)] public static partial KvComponent Ssm { get; }
}
