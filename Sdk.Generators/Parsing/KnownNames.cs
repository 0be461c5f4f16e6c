namespace Nixl.Sdk.Generators.Parsing;

/// <summary>The SDK's types by metadata name: the generator does not reference the SDK.</summary>
internal static class KnownNames
{
    public const string KvLayout = "Nixl.Sdk.KvLayoutAttribute";
    public const string KvPreset = "Nixl.Sdk.KvPresetAttribute";
    public const string KvGroup = "Nixl.Sdk.KvGroupAttribute";
    public const string KvComponent = "Nixl.Sdk.KvComponentAttribute";
    public const string ComponentType = "Nixl.Sdk.KvComponent";
    public const string Agent = "Nixl.Sdk.NixlAgent";
    public const string Transfer = "Nixl.Sdk.Transfer";
    public const string TransferResult = "Nixl.Sdk.TransferResult";
    public const string MustDispose = "Nixl.Sdk.MustDisposeAttribute";
}
