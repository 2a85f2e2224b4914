/*
 * base_list.c - intrusive lists.
 */

#include "check.h"
#include "base/list.h"

typedef struct {
    int         n;
    fkv_link_t  link;
} item_t;


static void
list_is(fkv_link_t *head, const int *numbers, size_t n)
{
    fkv_link_t  *link = head->next, *prev = head;

    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(link->prev, prev);
        assert_int_equal(fkv__container(link, item_t, link)->n, numbers[i]);
        prev = link;
        link = link->next;
    }

    assert_ptr_equal(link, head);
    assert_ptr_equal(head->prev, prev);
}


static void
items_keep_the_order_of_their_coming(void **state)
{
    fkv_link_t  head;
    item_t      items[3];

    (void) state;

    fkv__list_init(&head);
    assert_true(fkv__list_empty(&head));

    for (int i = 0; i < 3; i++) {
        items[i].n = i;
        fkv__list_append(&head, &items[i].link);
    }

    assert_false(fkv__list_empty(&head));
    list_is(&head, (const int[]) { 0, 1, 2 }, 3);
}


static void
item_can_be_removed_twice(void **state)
{
    fkv_link_t  head;
    item_t      items[3];

    (void) state;

    fkv__list_init(&head);

    for (int i = 0; i < 3; i++) {
        items[i].n = i;
        fkv__list_append(&head, &items[i].link);
    }

    fkv__list_remove(&items[1].link);
    fkv__list_remove(&items[1].link);
    list_is(&head, (const int[]) { 0, 2 }, 2);

    fkv__list_remove(&items[0].link);
    fkv__list_remove(&items[2].link);
    assert_true(fkv__list_empty(&head));
}


static void
take_moves_all_and_leaves_nothing(void **state)
{
    fkv_link_t  from, to;
    item_t      items[2] = { { .n = 7 }, { .n = 8 } };

    (void) state;

    fkv__list_init(&from);
    fkv__list_take(&to, &from);
    assert_true(fkv__list_empty(&to));
    assert_true(fkv__list_empty(&from));

    fkv__list_append(&from, &items[0].link);
    fkv__list_take(&to, &from);
    assert_true(fkv__list_empty(&from));
    list_is(&to, (const int[]) { 7 }, 1);

    fkv__list_append(&to, &items[1].link);
    fkv__list_take(&from, &to);
    assert_true(fkv__list_empty(&to));
    list_is(&from, (const int[]) { 7, 8 }, 2);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(items_keep_the_order_of_their_coming),
        cmocka_unit_test(item_can_be_removed_twice),
        cmocka_unit_test(take_moves_all_and_leaves_nothing),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
