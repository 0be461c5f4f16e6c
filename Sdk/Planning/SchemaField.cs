namespace Nixl.Sdk.Planning;

/// <summary>One line of a canonical text.</summary>
internal readonly record struct SchemaField(string Name, string Value);
