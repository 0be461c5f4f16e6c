using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>Schemas built from numbers, as a program does that knows its shapes only at run time.</summary>
internal static class Schemas
{
    public static KvSchema KeyValue(string order, int layers = 4, int blockTokens = 16, int heads = 8, int dim = 128) => One(
        new KvGroupSchema("kv", order)
        {
            Layers = layers,
            BlockTokens = blockTokens,
            KvHeads = heads,
            Components = [new("Key", ElementType.BFloat16, [dim]), new("Value", ElementType.BFloat16, [dim])],
        });

    public static KvSchema One(KvGroupSchema group) => new("Layout", [group]);

    public static KvSchema With(this KvSchema schema, Func<KvGroupSchema, KvGroupSchema> change) =>
        schema with { Groups = [change(schema.Groups[0])] };

    public static KvSchema WithComponent(this KvSchema schema, int index, Func<KvComponentSchema, KvComponentSchema> change)
    {
        var components = schema.Groups[0].Components.ToArray();
        components[index] = change(components[index]);
        return schema.With(group => group with { Components = [.. components] });
    }

    public static KvGroupPlan Plan(this KvSchema schema, KvParallel? parallel = null, long blocks = 10) =>
        KvPlan.Create(schema, parallel ?? KvParallel.Single, blocks).Groups[0];
}
