using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A layout type is fixed at compile time, a model is loaded at run time: before anything runs, the two must agree.</summary>
internal static class LayoutCheck
{
    /// <exception cref="InvalidOperationException">They differ; the message has every field with both values.</exception>
    internal static void Require(LlamaConfig config, KvSchema schema, int blockTokens)
    {
        List<string> differences = [];
        if (schema.Groups is not [var group]) throw new InvalidOperationException($"Layout {schema.Name} has {schema.Groups.Count} groups; this engine's cache has one.");
        Compare("num_hidden_layers", config.Layers, "Layers", group.Layers);
        Compare("num_key_value_heads", config.KvHeads, "KvHeads", group.KvHeads);
        Compare("(engine) block size", blockTokens, "BlockTokens", group.BlockTokens);
        var names = string.Join(", ", group.Components.Select(c => c.Name));
        if (names != "Key, Value") differences.Add($"the engine stores Key, Value; {schema.Name} has components {names}");
        foreach (var component in group.Components)
        {
            Compare("head_dim", config.HeadDim, $"{component.Name}'s shape", component.Shape.Aggregate(1, (a, b) => a * b));
            if (component.Type != ElementType.Float32) differences.Add($"the engine stores Float32; {schema.Name}.{component.Name} is {component.Type}");
        }
        if (differences.Count > 0)
            throw new InvalidOperationException($"The model does not fit layout {schema.Name}: {string.Join("; ", differences)}. Change the layout type's attributes, or load its model.");

        void Compare(string field, int model, string attribute, int layout)
        {
            if (model != layout) differences.Add($"config.json's {field} is {model}, {schema.Name}'s {attribute} is {layout}");
        }
    }
}
