namespace Nixl.Sdk.Planning;

/// <summary>The spelling of enum values in canonical texts: fixed, because the texts are compared between versions.</summary>
internal static class TypeNames
{
    private static readonly string[] Elements =
        ["none", "f32", "f16", "bf16", "fp8_e4m3", "fp8_e5m2", "fp8_e8m0", "i8", "u8", "i16", "i32", "i64"];

    private static readonly string[] Shards = ["auto", "head", "replicated", "units"];

    private static readonly string[] Shares = ["own", "overlay", "concat"];

    public static string Of(ElementType type) => Elements[(int)type];

    public static string Of(KvShard shard) => Shards[(int)shard];

    public static string Of(KvShare share) => Shares[(int)share];

    public static bool TryElement(string text, out ElementType type)
    {
        type = (ElementType)System.Array.IndexOf(Elements, text);
        return type > ElementType.None;
    }

    public static bool TryShard(string text, out KvShard shard)
    {
        shard = (KvShard)System.Array.IndexOf(Shards, text);
        return shard >= KvShard.Auto;
    }

    public static bool TryShare(string text, out KvShare share)
    {
        share = (KvShare)System.Array.IndexOf(Shares, text);
        return share >= KvShare.Own;
    }
}
