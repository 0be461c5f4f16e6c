namespace Nixl.Sdk.Generators.Parsing;

/// <summary>The names of generated members, which components and groups cannot have.</summary>
internal static class LayoutMembers
{
    private static readonly string[] Names =
    [
        "Schema", "CanonicalText", "Fingerprint", "Plan", "GroupIndex", "Layers", "BlockTokens", "KvHeads", "Window", "TensorCount", "PiecesPerBlock",
        "BytesPerToken", "BytesPerBlock", "BytesPerBlockAndLayer", "BytesPerTokenAndHead", "PageBytesPerBlock", "BuildDescriptors",
        "PrepareLocal", "PrepareRemote", "WriteBlocksAsync", "ReadBlocksAsync",
    ];

    public static bool IsReserved(string name) => Array.IndexOf(Names, name) >= 0;
}
