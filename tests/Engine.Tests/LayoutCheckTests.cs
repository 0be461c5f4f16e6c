using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

public sealed class LayoutCheckTests
{
    private static readonly LlamaConfig Fitting = LlamaConfig.Load(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes", "config.json"));

    [Fact]
    public void The_shipped_model_fits_its_layout_type() => LayoutCheck.Require(Fitting, KjvBytesKv.Schema, KjvBytesKv.BlockTokens);

    [Fact]
    public void Every_field_that_differs_is_named_with_both_values()
    {
        var message = Assert.Throws<InvalidOperationException>(() => LayoutCheck.Require(
            Fitting with { Layers = 5, KvHeads = 2, HeadDim = 64 }, KjvBytesKv.Schema, 32)).Message;
        Assert.Contains("num_hidden_layers is 5, KjvBytesKv's Layers is 4", message, StringComparison.Ordinal);
        Assert.Contains("num_key_value_heads is 2, KjvBytesKv's KvHeads is 4", message, StringComparison.Ordinal);
        Assert.Contains("head_dim is 64, KjvBytesKv's Key's shape is 32", message, StringComparison.Ordinal);
        Assert.Contains("block size is 32, KjvBytesKv's BlockTokens is 16", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_element_type_is_refused()
    {
        var group = KjvBytesKv.Schema.Groups[0];
        KvComponentSchema[] halves = [.. group.Components.Select(c => c with { Type = ElementType.Float16 })];
        var schema = KjvBytesKv.Schema with { Groups = [group with { Components = [.. halves] }] };
        var message = Assert.Throws<InvalidOperationException>(() => LayoutCheck.Require(Fitting, schema, 16)).Message;
        Assert.Contains("Key is Float16", message, StringComparison.Ordinal);
        Assert.Contains("Value is Float16", message, StringComparison.Ordinal);
    }
}
