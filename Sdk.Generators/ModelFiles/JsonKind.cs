namespace Nixl.Sdk.Generators.ModelFiles;

/// <summary>The kind of a JSON value.</summary>
internal enum JsonKind
{
    Null,
    True,
    False,
    Number,
    Text,
    Array,
    Object,
}
