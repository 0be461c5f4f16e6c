namespace Nixl.Sdk.Bench.Generator;

/// <summary>Who writes the bodies of a layout type's component properties.</summary>
internal enum PropertyForm
{
    /// <summary>The generator: the properties are partial.</summary>
    Generated,

    /// <summary>The user: each property has its body where it is declared.</summary>
    HandWritten,
}
