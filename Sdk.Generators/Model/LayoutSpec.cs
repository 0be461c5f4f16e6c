using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Model;

/// <summary>
/// All that the emitter knows of one layout type. The caching contract: compared by value through and through, so that an edit
/// that changes nothing here emits nothing again; never a symbol, a syntax node, a location or a compilation.
/// </summary>
/// <param name="Type">The layout type.</param>
/// <param name="Schema">Its layout as data.</param>
/// <param name="Groups">One for each group of the schema.</param>
/// <param name="IsPreset">True if components and nested types are not declared by the user: they are emitted whole.</param>
/// <param name="IsStub">True after errors: members exist and throw, so that no second wave of errors follows.</param>
internal sealed record LayoutSpec(TypeSpec Type, KvSchema Schema, KvList<GroupSpec> Groups, bool IsPreset, bool IsStub);
